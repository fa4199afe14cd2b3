"""What PyInstaller does not see in the sources: modules imported by name, and files that are read."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

hiddenimports = [*collect_submodules("fastconv.cli"), *collect_submodules("fastconv.drop_in")]
datas = collect_data_files("fastconv", excludes=["**/*.pyi", "py.typed"])
