//! `MPI_Alltoallw` and its relatives: arrays of datatypes whose length is not an argument, and which the library may
//! read until the operation completes.
//!
//! The arrays of a nonblocking or persistent operation are attached to its request.

use core::ffi::{c_int, c_void};

use crate::abi::*;
use crate::attachments::{self, Kept};
use crate::beyond::Fitting;
use crate::derive::{Derived, Made, structure};
use crate::family::{Abi, buffer_in};
use crate::kinds::{Comm, Datatype, Info, Kind, NewRequest, Request, Scalar};
use crate::lengths::{Lengths, group_lengths, neighbour_lengths};
use crate::narrow::{Array, Fit};
use crate::raise::{Object, raise};

/// The translated array of datatypes, empty where it is not read.
///
/// # Safety
/// `types` has `length` elements, or is null.
unsafe fn types<A: Abi>(types: *const MPI_Datatype, length: usize) -> Vec<A::Handle> {
    let length = if types.is_null() { 0 } else { length };
    // SAFETY: as the caller promises.
    (0..length).map(|index| Datatype::inward::<A>(unsafe { *types.add(index) })).collect()
}

/// Both arrays; the one of the sender is not read if the operation is in place.
///
/// # Safety
/// As for [`types`], with the lengths of the communicator.
unsafe fn both<A: Abi>(
    sendbuf: *const c_void,
    sendtypes: *const MPI_Datatype,
    recvtypes: *const MPI_Datatype,
    lengths: &Lengths,
) -> (Vec<A::Handle>, Vec<A::Handle>) {
    let in_place = sendbuf == MPI_IN_PLACE.cast_const();
    // SAFETY: as the caller promises.
    unsafe {
        (
            types::<A>(sendtypes, if in_place { 0 } else { lengths.send }),
            types::<A>(recvtypes, lengths.receive),
        )
    }
}

/// The argument for an array: null where it is not read.
fn argument<H>(types: &[H]) -> *const H {
    if types.is_empty() { core::ptr::null() } else { types.as_ptr() }
}

/// Keeps arrays for as long as the request lives.
///
/// # Safety
/// `request` was written by a call that succeeded, or is null.
unsafe fn keep<A: Abi>(request: *mut MPI_Request, persistent: bool, kept: Vec<Kept>) {
    if !request.is_null() {
        // SAFETY: as the caller promises.
        unsafe { attachments::attach::<A>(Request::inward::<A>(*request), persistent, kept) };
    }
}

/// The arrays of one side where a number does not fit: such an element becomes one of a datatype that holds as much, at
/// the place where it was.
struct Longer<A: Abi, D> {
    counts: Vec<c_int>,
    displacements: Vec<D>,
    types: Vec<MPI_Datatype>,
    made: Vec<Derived<A>>,
}

impl<A: Abi, D: Default + TryFrom<MPI_Aint>> Longer<A, D> {
    /// # Safety
    /// Each array has `length` elements.
    unsafe fn new(
        counts: *const MPI_Count,
        displacements: *const MPI_Aint,
        types: *const MPI_Datatype,
        length: usize,
    ) -> Made<Self> {
        let mut new = Self { counts: vec![], displacements: vec![], types: vec![], made: vec![] };
        for index in 0..length {
            // SAFETY: as the caller promises.
            let (count, displacement, datatype) =
                unsafe { (*counts.add(index), *displacements.add(index), *types.add(index)) };
            match (c_int::try_from(count), D::try_from(displacement)) {
                (Ok(count), Ok(displacement)) => {
                    new.counts.push(count);
                    new.displacements.push(displacement);
                    new.types.push(datatype);
                }
                _ if count == 0 => {
                    new.counts.push(0);
                    new.displacements.push(D::default());
                    new.types.push(datatype);
                }
                _ => {
                    let of = Datatype::inward::<A>(datatype);
                    let derived = structure::<A>(&[(count, displacement, of)])?.commit()?;
                    new.counts.push(1);
                    new.displacements.push(D::default());
                    new.types.push(Datatype::outward::<A>(derived.handle(), datatype));
                    new.made.push(derived);
                }
            }
        }
        Ok(new)
    }
}

/// The call with large counts by its twin without them, or a refusal where there is none.
macro_rules! twin {
    ([] $($rest:tt)*) => {
        MPI_ERR_UNSUPPORTED_OPERATION
    };
    (
        [$small:ident] $lengths:ident
        ($sendbuf:ident, $sendcounts:ident, $sdispls:ident, $sendtypes:ident, $recvbuf:ident, $recvcounts:ident,
         $rdispls:ident, $recvtypes:ident, $comm:ident $(, $rest:ident)*) $kept:ident
    ) => {{
        let send = if $sendbuf == MPI_IN_PLACE.cast_const() { 0 } else { $lengths.send };
        let mut fitting = Fitting::default();
        let mut arrays = (
            Array::new($sendcounts, send),
            Array::new($sdispls, send),
            Array::new($recvcounts, $lengths.receive),
            Array::new($rdispls, $lengths.receive),
        );
        let fitted = (
            arrays.0.fit(&mut fitting),
            arrays.1.fit(&mut fitting),
            arrays.2.fit(&mut fitting),
            arrays.3.fit(&mut fitting),
        );
        let code = if fitting.wrong == 0 {
            $small::<A>(
                $sendbuf, fitted.0, fitted.1, $sendtypes, $recvbuf, fitted.2, fitted.3, $recvtypes, $comm $(, $rest)*
            )
        } else {
            let longer = Longer::<A, _>::new($sendcounts, $sdispls, $sendtypes, send);
            match (longer, Longer::<A, _>::new($recvcounts, $rdispls, $recvtypes, $lengths.receive)) {
                (Ok(out), Ok(back)) => {
                    let code = $small::<A>(
                        $sendbuf, out.counts.as_ptr(), out.displacements.as_ptr(), out.types.as_ptr(), $recvbuf,
                        back.counts.as_ptr(), back.displacements.as_ptr(), back.types.as_ptr(), $comm $(, $rest)*
                    );
                    $kept.push(Box::new(out) as Kept);
                    $kept.push(Box::new(back) as Kept);
                    code
                }
                (Err(code), _) | (_, Err(code)) => raise::<A>(Object::Comm($comm), code),
            }
        };
        $kept.extend(arrays.0.kept());
        $kept.extend(arrays.1.kept());
        $kept.extend(arrays.2.kept());
        $kept.extend(arrays.3.kept());
        code
    }};
}

macro_rules! alltoallw {
    ($($name:ident $lengths:ident $count:ty, $displacement:ty, ($($info:ident)?), ($($request:ident)?) $(, $small:ident)?;)*) => {$(
        pub unsafe extern "C" fn $name<A: Abi>(
            sendbuf: *const c_void,
            sendcounts: *const $count,
            sdispls: *const $displacement,
            sendtypes: *const MPI_Datatype,
            recvbuf: *mut c_void,
            recvcounts: *const $count,
            rdispls: *const $displacement,
            recvtypes: *const MPI_Datatype,
            comm: MPI_Comm,
            $($info: MPI_Info,)?
            $($request: *mut MPI_Request,)?
        ) -> c_int {
            // SAFETY: the caller's arguments.
            unsafe {
                let native_comm = Comm::inward::<A>(comm);
                let lengths = match $lengths::<A>(native_comm) {
                    Ok(lengths) => lengths,
                    Err(code) => return code,
                };
                // What the library may read until the operation has ended. Only persistent ones take an info object.
                #[allow(unused_mut, unused_variables, reason = "a blocking call without a twin keeps nothing")]
                let mut kept: Vec<Kept> = Vec::new();
                #[allow(unused_variables, reason = "only requests keep anything")]
                let persistent = const { !concat!($(stringify!($info))?).is_empty() };
                let code = if let Some(native) = A::bound().native.$name {
                    let (send, receive) = both::<A>(sendbuf, sendtypes, recvtypes, &lengths);
                    let code = native(
                        buffer_in::<A>(sendbuf.cast_mut()), sendcounts, sdispls, argument(&send), recvbuf, recvcounts,
                        rdispls, argument(&receive), native_comm, $(Info::inward::<A>($info),)?
                        $(<NewRequest as Kind>::native::<A>(&mut (), $request),)?
                    );
                    let code = A::bound().code_out(code);
                    $(
                        <NewRequest as Kind>::leave::<A>(&mut (), $request, [0, 0], code);
                        kept = vec![Box::new(Handles(send)), Box::new(Handles(receive))];
                    )?
                    code
                } else {
                    twin!(
                        [$($small)?] lengths
                        (sendbuf, sendcounts, sdispls, sendtypes, recvbuf, recvcounts, rdispls, recvtypes, comm
                         $(, $info)? $(, $request)?) kept
                    )
                };
                $(if code == 0 {
                    keep::<A>($request, persistent, kept);
                })?
                code
            }
        }
    )*};
}

/// Arrays of native handles, which are plain values that only the library follows.
struct Handles<H>(#[expect(dead_code, reason = "kept alive, not read")] Vec<H>);

// SAFETY: the handles are not followed here.
unsafe impl<H> Send for Handles<H> {}

alltoallw! {
    MPI_Alltoallw group_lengths c_int, c_int, (), ();
    MPI_Alltoallw_c group_lengths MPI_Count, MPI_Aint, (), (), MPI_Alltoallw;
    MPI_Neighbor_alltoallw neighbour_lengths c_int, MPI_Aint, (), ();
    MPI_Neighbor_alltoallw_c neighbour_lengths MPI_Count, MPI_Aint, (), (), MPI_Neighbor_alltoallw;
    MPI_Ialltoallw group_lengths c_int, c_int, (), (request);
    MPI_Ialltoallw_c group_lengths MPI_Count, MPI_Aint, (), (request), MPI_Ialltoallw;
    MPI_Ineighbor_alltoallw neighbour_lengths c_int, MPI_Aint, (), (request);
    MPI_Ineighbor_alltoallw_c neighbour_lengths MPI_Count, MPI_Aint, (), (request), MPI_Ineighbor_alltoallw;
    MPI_Alltoallw_init group_lengths c_int, c_int, (info), (request);
    MPI_Alltoallw_init_c group_lengths MPI_Count, MPI_Aint, (info), (request), MPI_Alltoallw_init;
    MPI_Neighbor_alltoallw_init neighbour_lengths c_int, MPI_Aint, (info), (request);
    MPI_Neighbor_alltoallw_init_c neighbour_lengths MPI_Count, MPI_Aint, (info), (request), MPI_Neighbor_alltoallw_init;
}
