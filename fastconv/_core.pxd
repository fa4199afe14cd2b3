# The C API of csrc/include/fastconv.h, as far as _core.pyx uses it.
cdef extern from "fastconv.h" nogil:
    ctypedef int fc_status
    ctypedef int fc_dtype
    ctypedef int fc_layout
    ctypedef int fc_mode
    ctypedef int fc_boundary
    ctypedef int fc_activation
    ctypedef int fc_pool_mode
    ctypedef int fc_padding
    ctypedef int fc_precision
    ctypedef int fc_conv2d_algorithm
    ctypedef int fc_filter_algorithm_id

    void *fc_result_alloc(size_t bytes)
    void fc_result_free(void *result)
    void fc_release_memory()
    void fc_trim_memory()

    fc_status FC_OK, FC_OUT_OF_MEMORY, FC_BAD_ARGUMENT, FC_NOT_PACKED
    fc_dtype FC_BOOL, FC_I8, FC_U8, FC_I16, FC_U16, FC_I32, FC_U32, FC_I64, FC_U64, FC_F16, FC_BF16, FC_F32, FC_F64
    fc_dtype FC_LONGDOUBLE, FC_C64, FC_C128, FC_CLONGDOUBLE
    fc_mode FC_VALID
    fc_pool_mode FC_MAX_POOL, FC_AVG_POOL
    fc_conv2d_algorithm FC_CONV_AUTO, FC_CONV_ALGORITHM_COUNT

    ctypedef struct fc_convolve2d_params:
        fc_dtype dtype
        Py_ssize_t image_h, image_w, k_h, k_w
        fc_mode mode
        fc_boundary boundary
        int correlate
        fc_filter_algorithm_id algorithm

    ctypedef struct fc_filter2d_params:
        fc_dtype dtype, work, result
        Py_ssize_t image_h, image_w, channels, k_h, k_w
        Py_ssize_t anchor_row, anchor_col
        fc_boundary boundary
        fc_filter_algorithm_id algorithm

    fc_filter_algorithm_id FC_FILTER_AUTO, FC_FILTER_COUNT

    ctypedef struct fc_filter_plan:
        fc_filter_algorithm_id algorithm
        const char *isa
        int threads
        fc_dtype work
        size_t rank
        double cycles[16]
        double flops, bytes

    ctypedef struct fc_pool2d_params:
        fc_dtype dtype
        fc_layout layout
        fc_pool_mode mode
        Py_ssize_t n, h, w, c
        Py_ssize_t pool_h, pool_w
        Py_ssize_t stride_h, stride_w
        Py_ssize_t pad_top, pad_bottom, pad_left, pad_right

    ctypedef struct fc_conv2d_params:
        fc_dtype dtype, kernel_dtype
        fc_layout layout
        Py_ssize_t n, h, w, c_in, c_out
        Py_ssize_t k_h, k_w
        Py_ssize_t stride_h, stride_w
        Py_ssize_t dilation_h, dilation_w
        Py_ssize_t pad_top, pad_bottom, pad_left, pad_right
        Py_ssize_t groups
        fc_activation activation
        double alpha
        fc_precision precision
        fc_conv2d_algorithm algorithm

    ctypedef struct fc_dense_params:
        fc_dtype dtype
        Py_ssize_t rows, inputs, outputs
        fc_activation activation
        double alpha

    ctypedef enum fc_kernel_grad_id:
        FC_KERNEL_GRAD_AUTO, FC_KERNEL_GRAD_COUNT

    ctypedef struct fc_conv2d_prepared:
        pass

    ctypedef struct fc_conv2d_plan:
        fc_conv2d_algorithm algorithm
        const char *isa
        int threads
        Py_ssize_t out_h, out_w
        size_t tile_rows, tile_cols
        int pixels_in_rows
        size_t block_pixels, block_k
        size_t tasks, scratch_bytes
        double cycles, flops, bytes

    const char *fc_status_text(fc_status)
    size_t fc_dtype_size(fc_dtype)
    fc_status fc_init()
    size_t fc_isa_count()
    const char *fc_isa_name(size_t)
    int fc_isa_available(size_t)
    const char *fc_left_out_isa(size_t)
    const char *fc_active_isa()
    fc_status fc_set_isa(const char *)
    fc_status fc_set_num_threads(int)
    int fc_get_num_threads()
    fc_status fc_set_default_threads(int)
    int fc_get_default_threads()
    const char *fc_openmp_version()
    fc_status fc_set_precision(fc_precision)
    fc_precision fc_get_precision()

    fc_status fc_convolve2d_output_size(const fc_convolve2d_params *, Py_ssize_t *, Py_ssize_t *)
    fc_status fc_convolve2d(const fc_convolve2d_params *, const void *, const void *, const void *, void *)
    fc_status fc_filter2d(const fc_filter2d_params *, const void *, const void *, const void *, void *)
    fc_status fc_sep_filter2d(
        const fc_filter2d_params *, const void *, const void *, const void *, const void *, void *)
    fc_status fc_plan_convolve2d(const fc_convolve2d_params *, const void *, fc_filter_plan *)
    fc_status fc_plan_filter2d(const fc_filter2d_params *, const void *, fc_filter_plan *)
    fc_status fc_lengths(fc_dtype, size_t, const void *, const void *, void *, int *)
    const char *fc_filter_algorithm_name(fc_filter_algorithm_id)

    fc_status fc_activate(fc_dtype, fc_activation, double, size_t, const void *, void *)
    fc_status fc_activate_grad(fc_dtype, fc_activation, double, size_t, const void *, const void *, const void *, void *)
    ctypedef struct fc_relu_params:
        double negative_slope, threshold, low, high
    fc_status fc_relu(fc_dtype, const fc_relu_params *, size_t, const void *, void *)
    fc_status fc_relu_grad(fc_dtype, const fc_relu_params *, size_t, const void *, const void *, void *)
    int fc_activation_from_output(fc_activation, double)
    fc_status fc_softmax(fc_dtype, size_t, size_t, size_t, const void *, void *)
    fc_status fc_softmax_grad(fc_dtype, size_t, size_t, size_t, const void *, const void *, void *)

    fc_status fc_add(fc_dtype, size_t, size_t, const void *, const void *, void *)
    fc_status fc_copy_rows(size_t, size_t, const void *, size_t, void *, size_t)

    ctypedef struct fc_norm_params:
        fc_dtype dtype
        size_t outer, channels, inner
        double epsilon
        int relu
    ctypedef struct fc_norm_gradients:
        const void *x
        const void *scale
        const void *offset
        const void *added
        const double *mean
        const double *variance
        const void *dy
        void *dx
        void *dscale
        void *doffset
        void *dadded
    fc_status fc_norm(
        const fc_norm_params *, const void *, const void *, const void *, const void *, double *, double *, void *)
    fc_status fc_norm_grads(const fc_norm_params *, const fc_norm_gradients *)

    ctypedef enum fc_update_rule:
        FC_UPDATE_SGD
        FC_UPDATE_NESTEROV
        FC_UPDATE_ADAM
        FC_UPDATE_RMSPROP
    ctypedef struct fc_update:
        fc_update_rule rule
        double numbers[5]
        double decay[2]
        size_t count
        const void *gradient
        void *value
        void *slots[3]
    fc_status fc_update_weights(fc_dtype, const fc_update *)

    fc_status fc_pool2d_output_size(const fc_pool2d_params *, Py_ssize_t *, Py_ssize_t *)
    fc_status fc_pool2d(const fc_pool2d_params *, const void *, void *)
    fc_status fc_pool2d_grad(const fc_pool2d_params *, const void *, const void *, void *)
    fc_status fc_max_pool2d_grad_grad(const fc_pool2d_params *, const void *, const void *, void *)

    fc_status fc_resolve_padding(fc_padding, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t *, Py_ssize_t *)
    const char *fc_conv2d_algorithm_name(fc_conv2d_algorithm)
    const char *fc_conv2d_algorithm_requires(fc_conv2d_algorithm)
    fc_status fc_conv2d_supports(const fc_conv2d_params *)
    fc_status fc_conv2d_output_size(const fc_conv2d_params *, Py_ssize_t *, Py_ssize_t *)
    fc_status fc_conv2d(const fc_conv2d_params *, const void *, const void *, const void *, void *)
    ctypedef struct fc_normalization:
        const void *mean
        const void *variance
        const void *gamma
        const void *beta
        double epsilon
    fc_status fc_conv2d_normalized(
        const fc_conv2d_params *, const fc_normalization *, const void *, const void *, const void *, const void *, void *)
    fc_status fc_conv2d_added(const fc_conv2d_params *, const void *, const void *, const void *, const void *, void *)
    fc_status fc_conv2d_pool2d(const fc_conv2d_params *, const fc_pool2d_params *, const void *, const void *, const void *, void *)
    fc_status fc_conv2d_input_grad(const fc_conv2d_params *, const void *, const void *, void *)
    fc_status fc_conv2d_kernel_grad(const fc_conv2d_params *, fc_kernel_grad_id, const void *, const void *, void *)
    const char *fc_kernel_grad_name(fc_kernel_grad_id)
    const char *fc_kernel_grad_requires(fc_kernel_grad_id)
    fc_status fc_bias_grad(fc_dtype, fc_layout, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const void *, void *)
    fc_status fc_conv2d_grads(const fc_conv2d_params *, const void *, const void *, const void *, const void *, void *, void *, void *)
    fc_status fc_dense(const fc_dense_params *, const void *, const void *, const void *, void *)
    fc_status fc_dense_grads(const fc_dense_params *, const void *, const void *, const void *, const void *, void *, void *, void *)
    fc_status fc_conv2d_prepare(const fc_conv2d_params *, const void *, const void *, fc_conv2d_prepared **)
    fc_status fc_conv2d_run(const fc_conv2d_prepared *, const fc_conv2d_params *, const void *, void *)
    fc_status fc_conv2d_run_added(const fc_conv2d_prepared *, const fc_conv2d_params *, const void *, const void *, void *)
    fc_status fc_conv2d_prepared_pools(const fc_conv2d_prepared *, const fc_conv2d_params *, const fc_pool2d_params *, int *)
    fc_status fc_conv2d_prepared_choose(const fc_conv2d_prepared *, const fc_conv2d_params *, fc_conv2d_algorithm *)
    fc_status fc_conv2d_prepare_kept(const fc_conv2d_params *, const void *, const void *, fc_conv2d_prepared **)
    size_t fc_conv2d_prepared_bytes(const fc_conv2d_prepared *)
    fc_status fc_conv2d_prepared_weights(const fc_conv2d_prepared *, const void **, const void **)
    fc_status fc_conv2d_prepared_pack(fc_conv2d_prepared *, const fc_conv2d_params *, const fc_pool2d_params *, const void *, int *)
    void fc_conv2d_forget_kernel(fc_conv2d_prepared *)
    void fc_conv2d_free(fc_conv2d_prepared *)
    fc_status fc_plan_conv2d(const fc_conv2d_params *, fc_conv2d_plan *)

cdef extern from "fastconv_threads.h" nogil:
    ctypedef struct fc_caller:
        int threads
        int (*interrupts)() noexcept nogil

    ctypedef struct fc_task_time:
        size_t loop, threads
        long long begin, end

    void fc_share_num_threads(int)
    void fc_record_tasks(fc_task_time *, size_t)
    size_t fc_recorded_tasks()
    void fc_enter(fc_caller *)
    int fc_leave()
    int fc_begin_series()
    void fc_end_series(int)


cdef extern from "fastconv_costs.h" nogil:
    size_t fc_cost_count()
    const char *fc_costs_machine()
    const char *fc_costs_table()
    const char *fc_cost_name(size_t)
    double fc_get_cost(size_t)
    fc_status fc_set_cost(size_t, double)


cdef extern from "fastconv_plans.h" nogil:
    ctypedef int fc_planning
    ctypedef int fc_purpose
    ctypedef struct fc_kept_plan:
        const char *isa
        fc_purpose purpose
        fc_conv2d_params params
        int algorithm
    fc_status fc_set_planning(fc_planning)
    fc_planning fc_get_planning()
    size_t fc_kept_plan_count()
    fc_status fc_get_kept_plan(size_t, fc_kept_plan *)
    fc_status fc_keep_plan(const fc_kept_plan *)
    void fc_forget_plans()


cdef extern from "fastconv_api.h":
    ctypedef struct fc_api:
        pass

    const fc_api *fc_get_api()

cdef extern from "fastconv_network.h" nogil:
    ctypedef enum fc_step_kind:
        FC_STEP_CONV2D, FC_STEP_CONV2D_POOLED, FC_STEP_POOL2D, FC_STEP_DENSE, FC_STEP_ACTIVATE, FC_STEP_RELU, FC_STEP_SOFTMAX
        FC_STEP_CONV2D_QUANTIZED, FC_STEP_QUANTIZE, FC_STEP_DEQUANTIZE, FC_STEP_ADD_QUANTIZED, FC_STEP_LOOKUP
    enum: FC_STEP_OPERANDS

    ctypedef struct fc_operand:
        Py_ssize_t array
        size_t offset
        const void *at

    ctypedef struct fc_quantization:
        fc_dtype dtype
        float scale
        int zero

    ctypedef struct fc_requantization:
        const float *factors
        int x_zero, zero, low, high

    ctypedef struct fc_step:
        fc_step_kind kind
        size_t count
        fc_operand *operands
        const fc_conv2d_prepared *prepared
        fc_conv2d_params conv2d
        fc_pool2d_params pool2d
        fc_dense_params dense
        fc_relu_params relu
        fc_dtype dtype
        fc_activation activation
        double alpha
        fc_requantization requantization
        fc_quantization *quantization
        int low, high
        const unsigned char *table
        size_t outer, axis, inner

    ctypedef struct fc_program:
        const fc_step *steps
        size_t count, arrays
        const size_t *bytes
        double work

    ctypedef struct fc_resample_params:
        fc_dtype dtype
        size_t outer, axis, inner, length, taps

    fc_status fc_resample(const fc_resample_params *, const size_t *, const void *, const void *, void *)
    fc_status fc_run_program(const fc_program *, void **)
    fc_status fc_run_chunks(const fc_program *, size_t, const fc_program *, void **)
    size_t fc_images_at_once(size_t, size_t, size_t)
