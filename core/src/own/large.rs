//! Datatypes of more elements than an int counts, for libraries without large counts.

use core::ffi::c_int;

use crate::abi::{MPI_Aint, MPI_Count, MPI_Datatype, MPI_ERR_COUNT, MPI_ERR_UNSUPPORTED_OPERATION};
use crate::family::Abi;
use crate::kinds::{Datatype, Kind, Out, Scalar};

pub unsafe extern "C" fn MPI_Type_contiguous_c<A: Abi>(
    count: MPI_Count,
    datatype: MPI_Datatype,
    made: *mut MPI_Datatype,
) -> c_int {
    let native = &A::bound().native;
    let datatype = Datatype::inward::<A>(datatype);
    // SAFETY: the caller's arguments.
    unsafe {
        let mut held = <Out<Datatype> as Kind>::enter::<A>(made, [0, 0]);
        let argument = <Out<Datatype> as Kind>::native::<A>(&mut held, made);
        let code = match (native.MPI_Type_contiguous_c, native.MPI_Type_contiguous, c_int::try_from(count)) {
            (Some(large), ..) => A::bound().code_out(large(count, datatype, argument)),
            (None, Some(small), Ok(count)) => A::bound().code_out(small(count, datatype, argument)),
            (None, Some(_), Err(_)) => contiguous::<A>(count, datatype, argument),
            (None, None, _) => MPI_ERR_UNSUPPORTED_OPERATION,
        };
        <Out<Datatype> as Kind>::leave::<A>(&mut held, made, [0, 0], code);
        code
    }
}

/// As many whole blocks of the largest int as fit, and the rest behind them.
///
/// # Safety
/// `made` is a native variable.
unsafe fn contiguous<A: Abi>(count: MPI_Count, datatype: A::Handle, made: *mut A::Handle) -> c_int {
    let native = &A::bound().native;
    let (Some(vector), Some(contiguous), Some(structure), Some(extent_of), Some(free)) = (
        native.MPI_Type_vector,
        native.MPI_Type_contiguous,
        native.MPI_Type_create_struct,
        native.MPI_Type_get_extent,
        native.MPI_Type_free,
    ) else {
        return MPI_ERR_UNSUPPORTED_OPERATION;
    };
    let block = MPI_Count::from(c_int::MAX);
    let (Ok(blocks), Ok(rest)) = (c_int::try_from(count / block), c_int::try_from(count % block)) else {
        return MPI_ERR_COUNT;
    };
    let (mut lower, mut extent): (MPI_Aint, MPI_Aint) = (0, 0);
    let mut parts = [datatype; 2];
    // SAFETY: variables of ours, and the caller's.
    unsafe {
        let mut code = extent_of(datatype, &mut lower, &mut extent);
        if code == 0 {
            code = vector(blocks, c_int::MAX, c_int::MAX, datatype, &mut parts[0]);
        }
        if code == 0 {
            code = contiguous(rest, datatype, &mut parts[1]);
            if code == 0 {
                let offsets = [0, (count - MPI_Count::from(rest)) as MPI_Aint * extent];
                code = structure(2, [1, 1].as_ptr(), offsets.as_ptr(), parts.as_ptr(), made);
                free(&mut parts[1]);
            }
            free(&mut parts[0]);
        }
        A::bound().code_out(code)
    }
}
