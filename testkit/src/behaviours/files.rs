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

/// How many `int`s the file of the next two functions holds.
const SMALL: usize = 35;

/// Writes a file that is empty through one view of `datatype` after the other, and says what it holds then.
fn through_views(
    context: &Context<'_>,
    views: &[(MPI_Datatype, &[c_int], MPI_Datatype)],
) -> Result<[c_int; SMALL], String> {
    let mut file = open(context)?;
    let mut content = [0; SMALL];
    let all = SMALL as c_int;
    let ignore = MPI_STATUS_IGNORE;
    call!(context, MPI_File_write_at(file, 0, content.as_ptr().cast(), all, MPI_INT, ignore));
    for (view, memory, datatype) in views {
        call!(context, MPI_File_set_view(file, 0, MPI_INT, *view, c"native".as_ptr(), MPI_INFO_NULL));
        call!(context, MPI_File_write_at(file, 0, memory.as_ptr().cast(), 1, *datatype, ignore));
    }
    call!(context, MPI_File_set_view(file, 0, MPI_INT, MPI_INT, c"native".as_ptr(), MPI_INFO_NULL));
    call!(context, MPI_File_read_at(file, 0, content.as_mut_ptr().cast(), all, MPI_INT, ignore));
    call!(context, MPI_File_close(&mut file));
    Ok(content)
}

/// Reads how a datatype was made.
fn combiner(context: &Context<'_>, datatype: MPI_Datatype) -> Result<(c_int, c_int), String> {
    let (mut integers, mut addresses, mut datatypes, mut combiner) = (-1, -1, -1, -1);
    call!(
        context,
        MPI_Type_get_envelope(datatype, &mut integers, &mut addresses, &mut datatypes, &mut combiner)
    );
    Ok((combiner, integers))
}

pub fn subarrays_in_views_and_in_memory(context: &Context<'_>) -> Result<(), String> {
    let (mut view, mut memory) = (MPI_DATATYPE_NULL, MPI_DATATYPE_NULL);
    let subsizes = [2, 3];
    for (new, sizes, starts, order) in
        [(&mut view, [5, 7], [1, 2], MPI_ORDER_C), (&mut memory, [3, 4], [1, 0], MPI_ORDER_FORTRAN)]
    {
        call!(
            context,
            MPI_Type_create_subarray(
                2,
                sizes.as_ptr(),
                subsizes.as_ptr(),
                starts.as_ptr(),
                order,
                MPI_INT,
                &mut *new
            )
        );
        call!(context, MPI_Type_commit(new));
        expect!(combiner(context, *new)?, (MPI_COMBINER_SUBARRAY, 8), "how it was made");
        let (mut lower, mut extent) = (-1, -1);
        call!(context, MPI_Type_get_extent(*new, &mut lower, &mut extent));
        expect!((lower, extent), (0, 4 * sizes[0] as MPI_Aint * sizes[1] as MPI_Aint), "bounds of the array");
    }
    let array: [c_int; 12] = std::array::from_fn(|index| index as c_int + 1);
    let mut wanted = [0; SMALL];
    // The elements in the order of the memory, whose columns come first; the file's come last.
    for (index, value) in [2, 3, 5, 6, 8, 9].into_iter().enumerate() {
        wanted[(1 + index / 3) * 7 + 2 + index % 3] = value;
    }
    expect!(through_views(context, &[(view, &array, memory)])?, wanted, "content of the file");
    call!(context, MPI_Type_free(&mut view));
    call!(context, MPI_Type_free(&mut memory));
    Ok(())
}

pub fn a_view_of_a_darray_for_each_process_fills_the_file(context: &Context<'_>) -> Result<(), String> {
    let (distributions, arguments) =
        ([MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_CYCLIC], [MPI_DISTRIBUTE_DFLT_DARG, 2]);
    for order in [MPI_ORDER_C, MPI_ORDER_FORTRAN] {
        let mut views = Vec::new();
        for rank in 0..4 {
            let (mut view, mut memory, mut size) = (MPI_DATATYPE_NULL, MPI_DATATYPE_NULL, 0);
            call!(
                context,
                MPI_Type_create_darray(
                    4,
                    rank,
                    2,
                    [5, 7].as_ptr(),
                    distributions.as_ptr(),
                    arguments.as_ptr(),
                    [2, 2].as_ptr(),
                    order,
                    MPI_INT,
                    &mut view
                )
            );
            call!(context, MPI_Type_commit(&mut view));
            expect!(combiner(context, view)?, (MPI_COMBINER_DARRAY, 12), "how it was made");
            call!(context, MPI_Type_size(view, &mut size));
            call!(context, MPI_Type_contiguous(size / 4, MPI_INT, &mut memory));
            call!(context, MPI_Type_commit(&mut memory));
            views.push((view, [rank + 1; SMALL], memory));
        }
        let borrowed: Vec<_> =
            views.iter().map(|(view, values, memory)| (*view, &values[..], *memory)).collect();
        let content = through_views(context, &borrowed)?;
        for (row, column) in (0..5).flat_map(|row| (0..7).map(move |column| (row, column))) {
            let place = if order == MPI_ORDER_C { row * 7 + column } else { row + 5 * column };
            // Blocks of three rows, and two columns to each process in turn.
            let owner = row / 3 * 2 + column / 2 % 2;
            expect!(content[place], owner as c_int + 1, "row {row}, column {column} of order {order}");
        }
        for (mut view, _, mut memory) in views {
            call!(context, MPI_Type_free(&mut view));
            call!(context, MPI_Type_free(&mut memory));
        }
    }
    Ok(())
}
