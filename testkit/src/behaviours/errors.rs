//! Error handlers, codes and classes (MPI-5.0, chapter 9).
//!
//! The runner sets `MPI_ERRORS_RETURN` on the world, so a code comes back instead of an abort.

use core::ffi::{c_char, c_int};
use core::ptr;

use anympi::abi::*;

use crate::Context;

fn class_of(context: &Context<'_>, code: c_int) -> Result<c_int, String> {
    let mut class = -1;
    call!(context, MPI_Error_class(code, &mut class));
    Ok(class)
}

fn text_of(context: &Context<'_>, code: c_int) -> Result<String, String> {
    let mut text = [0 as c_char; MPI_MAX_ERROR_STRING];
    let mut length = -1;
    call!(context, MPI_Error_string(code, text.as_mut_ptr(), &mut length));
    let bytes: Vec<u8> = text.iter().take(length as usize).map(|&c| c.cast_unsigned()).collect();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub fn handler_is_what_was_set(context: &Context<'_>) -> Result<(), String> {
    let mut copy = MPI_COMM_NULL;
    call!(context, MPI_Comm_dup(MPI_COMM_SELF, &mut copy));
    for wanted in [MPI_ERRORS_RETURN, MPI_ERRORS_ARE_FATAL] {
        call!(context, MPI_Comm_set_errhandler(copy, wanted));
        let mut found = MPI_ERRHANDLER_NULL;
        call!(context, MPI_Comm_get_errhandler(copy, &mut found));
        expect!(found, wanted, "error handler");
    }
    call!(context, MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN));
    call!(context, MPI_Comm_free(&mut copy));
    Ok(())
}

pub fn bad_rank_has_its_class(context: &Context<'_>) -> Result<(), String> {
    let mut value = 0;
    for bad in [context.size, context.size + 1000, -77] {
        // SAFETY: the buffer is valid; the rank is wrong on purpose.
        let code = unsafe {
            (context.table.MPI_Send)(ptr::from_mut(&mut value).cast(), 1, MPI_INT, bad, 0, context.world)
        };
        expect!(class_of(context, code)?, MPI_ERR_RANK, "class of sending to {bad}");
    }
    Ok(())
}

pub fn bad_root_and_count(context: &Context<'_>) -> Result<(), String> {
    let mut value = 0;
    // SAFETY: the buffer is valid; the root is wrong on purpose, on every rank.
    let code = unsafe {
        (context.table.MPI_Bcast)(ptr::from_mut(&mut value).cast(), 1, MPI_INT, context.size, context.world)
    };
    expect!(class_of(context, code)?, MPI_ERR_ROOT, "class of a bad root");
    // SAFETY: the count is wrong on purpose.
    let code = unsafe {
        (context.table.MPI_Send)(
            ptr::from_mut(&mut value).cast(),
            -1,
            MPI_INT,
            context.rank,
            0,
            context.world,
        )
    };
    expect!(class_of(context, code)?, MPI_ERR_COUNT, "class of a bad count");
    Ok(())
}

pub fn truncation(context: &Context<'_>) -> Result<(), String> {
    let sent = [1, 2, 3, 4];
    let mut request = MPI_REQUEST_NULL;
    call!(
        context,
        MPI_Isend(sent.as_ptr().cast_mut().cast(), 4, MPI_INT, context.rank, 12, context.world, &mut request)
    );
    let mut received = [0; 4];
    // SAFETY: the buffer holds more than the count says; the count is too small on purpose.
    let code = unsafe {
        (context.table.MPI_Recv)(
            received.as_mut_ptr().cast(),
            1,
            MPI_INT,
            context.rank,
            12,
            context.world,
            MPI_STATUS_IGNORE,
        )
    };
    expect!(class_of(context, code)?, MPI_ERR_TRUNCATE, "class of a truncated receive");
    // SAFETY: the request is ours; some libraries report the truncation to the sender as well.
    unsafe { (context.table.MPI_Wait)(&mut request, MPI_STATUS_IGNORE) };
    expect!(request, MPI_REQUEST_NULL, "request of the sender");
    Ok(())
}

pub fn error_strings(context: &Context<'_>) -> Result<(), String> {
    let mut value = 0;
    // SAFETY: as in `bad_rank_has_its_class`.
    let code = unsafe {
        (context.table.MPI_Send)(ptr::from_mut(&mut value).cast(), 1, MPI_INT, context.size, 0, context.world)
    };
    let text = text_of(context, code)?;
    if !text.to_lowercase().contains("rank") {
        return Err(format!("the text of a bad rank says nothing of a rank: {text:?}"));
    }
    expect!(text_of(context, MPI_SUCCESS)?.is_empty(), false, "text of MPI_SUCCESS is empty");
    Ok(())
}

pub fn classes_translate(context: &Context<'_>) -> Result<(), String> {
    // The classes that every MPI since 3.0 has.
    for class in (MPI_ERR_BUFFER..=MPI_ERR_WIN).filter(|&class| class != MPI_ERR_PENDING) {
        expect!(class_of(context, class)?, class, "class of class {class}");
        expect!(text_of(context, class)?.is_empty(), false, "text of class {class} is empty");
    }
    Ok(())
}

/// Classes and codes that were removed are there to be added again: libraries have room for few.
pub fn removed_classes_do_not_run_out(context: &Context<'_>) -> Result<(), String> {
    for round in 0..300 {
        let (mut classes, mut codes) = ([0; 4], [0; 4]);
        for (class, code) in classes.iter_mut().zip(&mut codes) {
            call!(context, MPI_Add_error_class(class));
            call!(context, MPI_Add_error_code(*class, code));
            call!(context, MPI_Add_error_string(*code, c"of this round".as_ptr()));
            expect!(class_of(context, *code)?, *class, "class of a code in round {round}");
        }
        expect!(text_of(context, codes[3])?, "of this round", "text");
        for (&class, &code) in classes.iter().zip(&codes) {
            call!(context, MPI_Remove_error_string(code));
            call!(context, MPI_Remove_error_code(code));
            call!(context, MPI_Remove_error_class(class));
        }
    }
    Ok(())
}
