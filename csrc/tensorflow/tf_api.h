/* SPDX-License-Identifier: MIT */
/*
 * The part of TensorFlow's stable C API (tensorflow/c/{kernels,ops,tf_tensor,tf_status}.h) that the ops need. It is
 * declared here and found in the loaded TensorFlow at run time, so the library builds without TensorFlow and works
 * with any 2.x.
 */
#ifndef FC_TENSORFLOW_TF_API_H
#define FC_TENSORFLOW_TF_API_H

#include <stddef.h>
#include <stdint.h>

typedef struct TF_Status TF_Status;
typedef struct TF_Tensor TF_Tensor;
typedef struct TF_OpDefinitionBuilder TF_OpDefinitionBuilder;
typedef struct TF_KernelBuilder TF_KernelBuilder;
typedef struct TF_OpKernelConstruction TF_OpKernelConstruction;
typedef struct TF_OpKernelContext TF_OpKernelContext;
typedef struct TF_ShapeInferenceContext TF_ShapeInferenceContext;
typedef struct TF_ShapeHandle TF_ShapeHandle;

typedef enum TF_Code { TF_OK = 0, TF_INVALID_ARGUMENT = 3, TF_RESOURCE_EXHAUSTED = 8 } TF_Code;
typedef enum TF_DataType { TF_FLOAT = 1, TF_DOUBLE = 2, TF_BFLOAT16 = 14, TF_HALF = 19 } TF_DataType;

/* Beginning with its size, as later versions of TensorFlow may add to it. */
typedef struct TF_AllocatorAttributes {
    size_t struct_size;
    unsigned char on_host;
} TF_AllocatorAttributes;

typedef void TF_ShapeFunction(TF_ShapeInferenceContext *, TF_Status *);
typedef void *TF_CreateFunction(TF_OpKernelConstruction *);
typedef void TF_ComputeFunction(void *, TF_OpKernelContext *);
typedef void TF_DeleteFunction(void *);

/* F(result, name without TF_, arguments) */
#define FC_TF_FUNCTIONS(F)                                                                                             \
    F(TF_Status *, NewStatus, (void))                                                                                  \
    F(void, DeleteStatus, (TF_Status *))                                                                               \
    F(void, SetStatus, (TF_Status *, TF_Code, const char *))                                                           \
    F(TF_Code, GetCode, (const TF_Status *))                                                                           \
    F(const char *, Message, (const TF_Status *))                                                                      \
    F(TF_OpDefinitionBuilder *, NewOpDefinitionBuilder, (const char *))                                                \
    F(void, OpDefinitionBuilderAddInput, (TF_OpDefinitionBuilder *, const char *))                                     \
    F(void, OpDefinitionBuilderAddOutput, (TF_OpDefinitionBuilder *, const char *))                                    \
    F(void, OpDefinitionBuilderAddAttr, (TF_OpDefinitionBuilder *, const char *))                                      \
    F(void, OpDefinitionBuilderSetShapeInferenceFunction, (TF_OpDefinitionBuilder *, TF_ShapeFunction *))              \
    F(void, RegisterOpDefinition, (TF_OpDefinitionBuilder *, TF_Status *))                                             \
    F(TF_KernelBuilder *, NewKernelBuilder,                                                                            \
        (const char *, const char *, TF_CreateFunction *, TF_ComputeFunction *, TF_DeleteFunction *))                  \
    F(void, RegisterKernelBuilder, (const char *, TF_KernelBuilder *, TF_Status *))                                    \
    F(void, OpKernelConstruction_GetAttrSize,                                                                          \
        (TF_OpKernelConstruction *, const char *, int32_t *, int32_t *, TF_Status *))                                  \
    F(void, OpKernelConstruction_GetAttrType, (TF_OpKernelConstruction *, const char *, TF_DataType *, TF_Status *))   \
    F(void, OpKernelConstruction_GetAttrInt64, (TF_OpKernelConstruction *, const char *, int64_t *, TF_Status *))      \
    F(void, OpKernelConstruction_GetAttrInt64List,                                                                     \
        (TF_OpKernelConstruction *, const char *, int64_t *, int, TF_Status *))                                        \
    F(void, OpKernelConstruction_GetAttrBool, (TF_OpKernelConstruction *, const char *, unsigned char *, TF_Status *)) \
    F(void, OpKernelConstruction_GetAttrString,                                                                        \
        (TF_OpKernelConstruction *, const char *, char *, size_t, TF_Status *))                                        \
    F(void, OpKernelConstruction_Failure, (TF_OpKernelConstruction *, TF_Status *))                                    \
    F(void, OpKernelContext_Failure, (TF_OpKernelContext *, TF_Status *))                                              \
    F(int, NumInputs, (TF_OpKernelContext *))                                                                          \
    F(void, GetInput, (TF_OpKernelContext *, int, TF_Tensor **, TF_Status *))                                          \
    F(TF_Tensor *, AllocateOutput,                                                                                     \
        (TF_OpKernelContext *, int, TF_DataType, const int64_t *, int, size_t, TF_Status *))                           \
    F(TF_Tensor *, AllocateTemp,                                                                                       \
        (TF_OpKernelContext *, TF_DataType, const int64_t *, int, const TF_AllocatorAttributes *, TF_Status *))        \
    F(TF_Tensor *, ForwardInputOrAllocateOutput,                                                                       \
        (TF_OpKernelContext *, const int *, int, int, const int64_t *, int, int *, TF_Status *))                       \
    F(void *, TensorData, (const TF_Tensor *))                                                                         \
    F(int, NumDims, (const TF_Tensor *))                                                                               \
    F(int64_t, Dim, (const TF_Tensor *, int))                                                                          \
    F(void, DeleteTensor, (TF_Tensor *))                                                                               \
    F(TF_ShapeHandle *, NewShapeHandle, (void))                                                                        \
    F(void, DeleteShapeHandle, (TF_ShapeHandle *))                                                                     \
    F(int64_t, ShapeInferenceContextNumInputs, (TF_ShapeInferenceContext *))                                           \
    F(void, ShapeInferenceContextGetInput, (TF_ShapeInferenceContext *, int, TF_ShapeHandle *, TF_Status *))           \
    F(void, ShapeInferenceContextSetOutput, (TF_ShapeInferenceContext *, int, TF_ShapeHandle *, TF_Status *))          \
    F(void, ShapeInferenceContextSetUnknownShape, (TF_ShapeInferenceContext *, TF_Status *))                           \
    F(void, ShapeInferenceContextWithRank,                                                                             \
        (TF_ShapeInferenceContext *, TF_ShapeHandle *, int64_t, TF_ShapeHandle *, TF_Status *))                        \
    F(void, ShapeInferenceContextSubshape,                                                                             \
        (TF_ShapeInferenceContext *, TF_ShapeHandle *, int64_t, int64_t, TF_ShapeHandle *, TF_Status *))               \
    F(void, ShapeInferenceContextConcatenateShapes,                                                                    \
        (TF_ShapeInferenceContext *, TF_ShapeHandle *, TF_ShapeHandle *, TF_ShapeHandle *, TF_Status *))

#define FC_TF_POINTER(result, name, arguments) result(*name) arguments;
typedef struct fc_tf_functions {
    FC_TF_FUNCTIONS(FC_TF_POINTER)
} fc_tf_functions;
#undef FC_TF_POINTER

extern fc_tf_functions tf;

/* Fills `tf`; the name of what is missing, or NULL. */
const char *fc_tf_find_functions(void);

#endif
