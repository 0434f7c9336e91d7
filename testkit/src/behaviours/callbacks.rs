//! Functions of the user's that MPI calls: with the user's own handles, codes and state.

use core::ffi::{c_int, c_void};
use core::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use anympi::abi::*;

use crate::Context;

/// The datatype that [`sum`] was last called with.
static SEEN_DATATYPE: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn sum(
    input: *mut c_void,
    in_out: *mut c_void,
    count: *mut c_int,
    datatype: *mut MPI_Datatype,
) {
    // SAFETY: MPI passes `count` ints in each buffer.
    unsafe {
        SEEN_DATATYPE.store((*datatype).0, Ordering::Relaxed);
        for index in 0..*count as usize {
            *in_out.cast::<c_int>().add(index) += *input.cast::<c_int>().add(index);
        }
    }
}

unsafe extern "C" fn larger_sum(
    input: *mut c_void,
    in_out: *mut c_void,
    count: *mut MPI_Count,
    datatype: *mut MPI_Datatype,
) {
    let mut small = 0;
    // SAFETY: as for `sum`; no test sends more than fits.
    unsafe {
        small += *count as c_int;
        sum(input, in_out, &mut small, datatype);
    }
}

pub fn own_operations(context: &Context<'_>) -> Result<(), String> {
    let mine = [context.rank, 1, 10];
    let wanted = [context.size * (context.size - 1) / 2, context.size, 10 * context.size];
    // Many more than any fixed table of a translation would hold; equal functions share.
    for round in 0..3000 {
        let mut op = MPI_OP_NULL;
        if round % 2 == 0 {
            call!(context, MPI_Op_create(sum as *const c_void, 1, &mut op));
        } else {
            call!(context, MPI_Op_create_c(larger_sum as *const c_void, 1, &mut op));
        }
        if round < 4 {
            let mut found = [0; 3];
            call!(
                context,
                MPI_Allreduce(mine.as_ptr().cast(), found.as_mut_ptr().cast(), 3, MPI_INT, op, context.world)
            );
            expect!(found, wanted, "sum by an operation of our own, round {round}");
            // Which ranks call the function is the library's choice.
            let seen = SEEN_DATATYPE.load(Ordering::Relaxed);
            expect!(seen == 0 || seen == MPI_INT.0, true, "called with the datatype {seen:#x}");
        }
        call!(context, MPI_Op_free(&mut op));
        expect!(op, MPI_OP_NULL, "operation after MPI_Op_free");
    }
    Ok(())
}

static HANDLED: AtomicI32 = AtomicI32::new(-1);
static HANDLED_ON: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn on_error(comm: *mut MPI_Comm, code: *mut c_int) {
    // SAFETY: MPI passes both.
    unsafe {
        HANDLED_ON.store((*comm).0, Ordering::Relaxed);
        HANDLED.store(*code, Ordering::Relaxed);
    }
}

pub fn own_error_handlers(context: &Context<'_>) -> Result<(), String> {
    let mut copy = MPI_COMM_NULL;
    call!(context, MPI_Comm_dup(MPI_COMM_SELF, &mut copy));
    let mut handler = MPI_ERRHANDLER_NULL;
    call!(context, MPI_Comm_create_errhandler(on_error as *const c_void, &mut handler));
    call!(context, MPI_Comm_set_errhandler(copy, handler));
    let mut value = 0;
    // SAFETY: the rank is wrong on purpose.
    unsafe { (context.table.MPI_Send)(ptr::from_mut(&mut value).cast(), 1, MPI_INT, 5, 0, copy) };
    let mut class = 0;
    call!(context, MPI_Error_class(HANDLED.load(Ordering::Relaxed), &mut class));
    expect!(class, MPI_ERR_RANK, "class of the code that the handler got");
    expect!(HANDLED_ON.load(Ordering::Relaxed), copy.0, "communicator that the handler got");
    let mut again = MPI_ERRHANDLER_NULL;
    call!(context, MPI_Comm_get_errhandler(copy, &mut again));
    expect!(again, handler, "the handler that was set");
    call!(context, MPI_Errhandler_free(&mut again));
    call!(context, MPI_Errhandler_free(&mut handler));
    call!(context, MPI_Comm_free(&mut copy));
    Ok(())
}

static COPIES: AtomicI32 = AtomicI32::new(0);
static DELETIONS: AtomicI32 = AtomicI32::new(0);

unsafe extern "C" fn copy_attribute(
    comm: MPI_Comm,
    keyval: c_int,
    state: *mut c_void,
    value: *mut c_void,
    copied: *mut c_void,
    flag: *mut c_int,
) -> c_int {
    // SAFETY: MPI passes the state of the keyval and variables.
    unsafe {
        // What a callback is told must be what the user knows.
        if comm != MPI_COMM_SELF || keyval != *state.cast::<c_int>() {
            return MPI_ERR_OTHER;
        }
        *copied.cast::<usize>() = value.addr() + 1;
        *flag = 1;
    }
    COPIES.fetch_add(1, Ordering::Relaxed);
    MPI_SUCCESS
}

unsafe extern "C" fn delete_attribute(_: MPI_Comm, _: c_int, _: *mut c_void, _: *mut c_void) -> c_int {
    DELETIONS.fetch_add(1, Ordering::Relaxed);
    MPI_SUCCESS
}

pub fn attributes_and_keyvals(context: &Context<'_>) -> Result<(), String> {
    let mut state: Box<c_int> = Box::new(0);
    let mut keyval = MPI_KEYVAL_INVALID;
    let (copies, deletions) = (COPIES.load(Ordering::Relaxed), DELETIONS.load(Ordering::Relaxed));
    call!(
        context,
        MPI_Comm_create_keyval(
            copy_attribute as *const c_void,
            delete_attribute as *const c_void,
            &mut keyval,
            ptr::from_mut(&mut *state).cast()
        )
    );
    *state = keyval;
    call!(context, MPI_Comm_set_attr(MPI_COMM_SELF, keyval, ptr::without_provenance_mut(41)));
    let mut copy = MPI_COMM_NULL;
    call!(context, MPI_Comm_dup(MPI_COMM_SELF, &mut copy));
    let (mut value, mut flag) = (0usize, 0);
    call!(context, MPI_Comm_get_attr(copy, keyval, ptr::from_mut(&mut value).cast(), &mut flag));
    expect!((value, flag), (42, 1), "attribute of the duplicate");
    call!(context, MPI_Comm_free(&mut copy));
    call!(context, MPI_Comm_delete_attr(MPI_COMM_SELF, keyval));
    expect!(COPIES.load(Ordering::Relaxed) - copies, 1, "copies");
    expect!(DELETIONS.load(Ordering::Relaxed) - deletions, 2, "deletions");
    call!(context, MPI_Comm_free_keyval(&mut keyval));
    expect!(keyval, MPI_KEYVAL_INVALID, "keyval after MPI_Comm_free_keyval");
    // More than any fixed table of a translation would hold.
    for _ in 0..5000 {
        call!(context, MPI_Comm_create_keyval(ptr::null(), ptr::null(), &mut keyval, ptr::null_mut()));
        call!(context, MPI_Comm_free_keyval(&mut keyval));
    }
    Ok(())
}
