# The part of _core.pyx that binds how algorithms are chosen, and the choices that are kept.

def set_planning(int planning):
    _raise(fc_set_planning(planning))


def get_planning():
    return fc_get_planning()


def kept_plans():
    """What keep_plan takes, and "isa", for every choice, in the order in which they came."""
    cdef fc_kept_plan plan
    cdef fc_conv2d_params *p = &plan.params
    found = []
    for i in range(fc_kept_plan_count()):
        if fc_get_kept_plan(i, &plan) != FC_OK:
            break       # another thread has forgotten them
        found.append({
            "isa": plan.isa.decode(), "purpose": plan.purpose, "algorithm": plan.algorithm, "dtype": p.dtype,
            "kernel_dtype": p.kernel_dtype, "layout": p.layout, "precision": p.precision,
            "shape": (p.n, p.h, p.w, p.c_in), "kernel_shape": (p.k_h, p.k_w, p.c_in // p.groups, p.c_out),
            "strides": (p.stride_h, p.stride_w), "dilation": (p.dilation_h, p.dilation_w),
            "padding": ((p.pad_top, p.pad_bottom), (p.pad_left, p.pad_right)), "groups": p.groups,
        })
    return found


def keep_plan(str isa, int purpose, int algorithm, Conv2D geometry):
    """Whether the instruction set is the active one and the algorithm supports the layer; if so the choice holds."""
    cdef fc_kept_plan plan
    word = isa.encode()
    plan.isa, plan.purpose, plan.algorithm, plan.params = word, purpose, algorithm, geometry.params
    cdef fc_status status = fc_keep_plan(&plan)
    if status == FC_OUT_OF_MEMORY:
        raise MemoryError("fastconv: no more plans are kept")
    return status == FC_OK


def forget_plans():
    fc_forget_plans()


def costs():
    """The figures of the cost model for the active instruction set, by name, in cycles."""
    return {fc_cost_name(i).decode(): fc_get_cost(i) for i in range(fc_cost_count())}


def costs_machine():
    """The machine that these were fitted on; None for none."""
    cdef const char *machine = fc_costs_machine()
    return None if machine is NULL else machine.decode()


def costs_table():
    """The name of their table: an instruction set, or a microarchitecture and an instruction set."""
    return fc_costs_table().decode()


def set_cost(str name, double cycles):
    _raise(fc_set_cost(list(costs()).index(name), cycles))
