//! Files (MPI-5.0, chapter 14).

use core::ffi::c_int;
use core::ptr;
use std::ffi::CString;
use std::sync::atomic::{AtomicI32, Ordering};

use anympi::abi::*;

use crate::Context;

/// A file of this rank's own, deleted when it is closed.
fn open(context: &Context<'_>) -> Result<MPI_File, String> {
    let name = format!("anympi-behave-{}-{}", std::process::id(), context.rank);
    let path = std::env::temp_dir().join(name).into_os_string().into_encoded_bytes();
    let path = CString::new(path).map_err(|error| error.to_string())?;
    let mut file = MPI_FILE_NULL;
    let mode = MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE;
    call!(context, MPI_File_open(MPI_COMM_SELF, path.as_ptr(), mode, MPI_INFO_NULL, &mut file));
    Ok(file)
}

pub fn seek_from_start_here_and_end(context: &Context<'_>) -> Result<(), String> {
    let mut file = open(context)?;
    let written = [7u8; 10];
    call!(context, MPI_File_write(file, written.as_ptr().cast(), 10, MPI_BYTE, MPI_STATUS_IGNORE));
    for (offset, whence, wanted) in
        [(4, MPI_SEEK_SET, 4), (3, MPI_SEEK_CUR, 7), (-1, MPI_SEEK_END, 9), (-2, MPI_SEEK_CUR, 7)]
    {
        call!(context, MPI_File_seek(file, offset, whence));
        let mut position = -1;
        call!(context, MPI_File_get_position(file, &mut position));
        expect!(position, wanted, "position after seeking {offset} from {whence}");
    }
    let mut mode = 0;
    call!(context, MPI_File_get_amode(file, &mut mode));
    expect!(mode, MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE, "access mode");
    call!(context, MPI_File_close(&mut file));
    expect!(file, MPI_FILE_NULL, "file after MPI_File_close");
    Ok(())
}

static HANDLED: AtomicI32 = AtomicI32::new(-1);

unsafe extern "C" fn on_error(_: *mut MPI_File, code: *mut c_int) {
    // SAFETY: MPI passes a code.
    HANDLED.store(unsafe { *code }, Ordering::Relaxed);
}

pub fn error_handlers_of_files(context: &Context<'_>) -> Result<(), String> {
    let mut file = open(context)?;
    let mut handler = MPI_ERRHANDLER_NULL;
    call!(context, MPI_File_get_errhandler(file, &mut handler));
    expect!(handler, MPI_ERRORS_RETURN, "the error handler that files have from the start");
    call!(context, MPI_File_set_errhandler(file, MPI_ERRORS_ARE_FATAL));
    call!(context, MPI_File_get_errhandler(file, &mut handler));
    expect!(handler, MPI_ERRORS_ARE_FATAL, "the error handler that was set");
    call!(context, MPI_File_create_errhandler(on_error as *const _, &mut handler));
    call!(context, MPI_File_set_errhandler(file, handler));
    call!(context, MPI_Errhandler_free(&mut handler));
    // SAFETY: whence is wrong on purpose.
    unsafe { (context.table.MPI_File_seek)(file, 0, -77) };
    let mut class = -1;
    call!(context, MPI_Error_class(HANDLED.load(Ordering::Relaxed), &mut class));
    expect!(class, MPI_ERR_ARG, "class of the code that the handler got");
    call!(context, MPI_File_set_errhandler(file, MPI_ERRORS_RETURN));
    // SAFETY: as above.
    let code = unsafe { (context.table.MPI_File_seek)(file, 0, -77) };
    expect!(code == MPI_SUCCESS, false, "a bad whence succeeded");
    call!(context, MPI_File_close(&mut file));
    call!(context, MPI_File_get_errhandler(MPI_FILE_NULL, ptr::from_mut(&mut handler)));
    expect!(handler, MPI_ERRORS_RETURN, "the error handler of MPI_FILE_NULL");
    Ok(())
}
