"""Why operators without a rule freeze the channels that reach them, by class.

Every operator of torch has a rule (rules.py), tells nothing of values (tracing.py), or is in a
class here. One that torch adds later is in none: it freezes channels, without more of a reason.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache

REASONS: Mapping[str, str] = {
    "which may be infinite or undefined where a new channel is zero, negative or large": (
        "sqrt rsqrt reciprocal log log2 log10 log1p exp exp2 expm1 cosh sinh tan acos arccos acosh "
        "arccosh asin arcsin atanh arctanh erfinv erfcx logit log_ndtr ndtri lgamma gammaln "
        "digamma psi polygamma mvlgamma multigammaln igamma igammac gammainc gammaincc zeta entr "
        "xlogy xlog1py ldexp frexp addcdiv prod cumprod __div__ __rtruediv__ __rfloordiv__ "
        "__rmod__ __rpow__ airy_ai *bessel* i0 i1 i0e i1e *polynomial*"
    ),
    "which makes one number of all channels": (
        "*_loss binary_cross_entropy* cross_entropy kl_div linear_cross_entropy dist dot vdot "
        "vecdot trace histc histogram* pdist cdist hash_tensor"
    ),
    "which mixes all channels": (
        "corrcoef cov cross kron outer ger inner tensordot multi_dot chain_matmul mv addbmm addmm "
        "addmv addr baddbmm cosine_similarity pairwise_distance gumbel_softmax matrix_norm "
        "nuclear_norm frobenius_norm cartesian_prod combinations vander _fused_rms_norm"
    ),
    "which is linear algebra of whole matrices": (
        "cholesky* cond det eig* geqrf householder_product inv inverse inv_ex ldl_* lobpcg logdet "
        "lstsq lu lu_* matrix_exp matrix_power matrix_rank matrix_sqrth orgqr ormqr pca_lowrank "
        "pinv pinverse qr slogdet solve solve_ex solve_triangular svd* tensorinv tensorsolve "
        "triangular_solve"
    ),
    "whose weights cannot be resized": (
        "bilinear embedding embedding_bag conv_tbc convolution *gru* *lstm* rnn_* *rnn_*_cell "
        "miopen_* norm_except_dim"
    ),
    "whose result has a shape that depends on values": (
        "nonzero nonzero_static argwhere unique unique_consecutive masked_select bincount one_hot"
    ),
    "which writes into a part of a tensor": (
        "__setitem__ copy_ index_add index_copy index_fill index_put index_reduce put scatter "
        "scatter_add scatter_reduce masked_scatter slice_scatter select_scatter diagonal_scatter "
        "as_strided_scatter fill_diagonal map map2 apply slice_inverse segment_reduce"
    ),
    "which changes the shape of its own argument": (
        "squeeze_ unsqueeze_ transpose_ t_ swapaxes_ swapdims_ resize resize_as sparse_resize_* "
        "set as_strided_ sum_to_size"
    ),
    "which takes entries whatever their dimensions": (
        "take take_along_dim diag diag_embed diagflat diagonal __reversed__ index unravel_index "
        "as_strided const_data_ptr *storage storage_type"
    ),
    "which draws its result": "bernoulli binomial multinomial poisson native_dropout",
    "which is of complex numbers or of frequencies": (
        "fft* *fft *fft2 *fftn *fftshift stft istft complex polar angle imag imag.__get__ conj "
        "conj_physical view_as_complex view_as_real cfloat cdouble chalf"
    ),
    "which is of sparse, quantized or nested tensors": (
        "*quantize* q_* qscheme int_repr fbgemm_* *_indices indices *_values values coalesce "
        "_coalesced_ _to_dense to_dense to_sparse to_mkldnn dense_dim sparse_* hspmm smm sspaddmm "
        "resize_as_sparse _dim? _nnz _sparse_* _nested_* choose_qparams_optimized _rowwise_prune "
        "fused_moving_avg_obs_fake_quant _wrapped_*"
    ),
    "which is of integers": (
        "gcd lcm bitwise_left_shift bitwise_right_shift __lshift__ __rshift__ __ilshift__ "
        "__irshift__ __rlshift__ __rrshift__ bucketize searchsorted isin"
    ),
    "for which no rule has been written": (
        "affine_grid affine_grid_generator atleast_?d block_diag column_stack cumulative_trapezoid "
        "trapezoid trapz gradient meshgrid nextafter ndtr quantile nanquantile"
    ),
    "which is a part of another operator": (
        "*_copy grid_sampler* batch_norm_* native_batch_norm _native_* native_norm _sym_* sym_* "
        "_autocast_*"
    ),
    "which carries values out of torch": (
        "__array__ __array_wrap__ __deepcopy__ __dlpack__ __dlpack_device__ __reduce_ex__ "
        "__setstate__ __cuda_array_interface__.__get__ module_load backward share_memory "
        "record_stream register_post_accumulate_grad_hook ipu mtia _clear_non_serializable_*"
    ),
    "which exchanges tensors between processes": (
        "all_* broadcast gather irecv isend recv reduce reduce_* send"
    ),
    "which initialises a tensor": "constant normal uniform kaiming_uniform",
    "which tells something of a tensor, but not its values": (
        "is_* _is_view dim_order _assert_async _functional_assert_async *.__get__"
    ),
}
"""What is said after an operator's name, and the operators, as patterns of names of the shell.

The name of an operator in place is that of the other one, without the last underscore.
"""


@cache
def reason_of(name: str) -> str | None:
    """Why an operator, such as torch.Tensor.sqrt, freezes channels; None if that is not known."""
    name = re.sub(r".*?(\w+(\.__get__)?)$", r"\1", name)  # without those of modules and classes
    spellings = {name, name if name.endswith("__") else name.removesuffix("_")}
    for reason, patterns in REASONS.items():
        for pattern in patterns.split():
            if any(fnmatchcase(each, pattern) for each in spellings):
                return reason
    return None
