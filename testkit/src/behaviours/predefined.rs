//! Predefined handles and constants mean what the standard says, also where a library lacks them.

use core::ffi::{CStr, c_char, c_int};
use core::ptr;

use anympi::abi::*;

use crate::Context;

/// Every predefined datatype has a name and a size; `MPI_UNDEFINED` is the size of those that the library lacks.
pub fn optional_datatypes_have_a_size_or_none(context: &Context<'_>) -> Result<(), String> {
    let datatypes = PREDEFINED.iter().filter(|known| {
        Class::of_predefined(known.1) == Some(Class::Datatype) && known.1 != MPI_DATATYPE_NULL.0
    });
    for &(standard_name, value) in datatypes {
        let datatype = MPI_Datatype(value);
        let (mut size, mut size_x, mut size_c) = (0, 0, 0);
        call!(context, MPI_Type_size(datatype, &mut size));
        call!(context, MPI_Type_size_x(datatype, &mut size_x));
        call!(context, MPI_Type_size_c(datatype, &mut size_c));
        expect!([size_x, size_c], [MPI_Count::from(size); 2], "sizes of {standard_name}");
        if size != MPI_UNDEFINED && !(1..=64).contains(&size) {
            return Err(format!("{standard_name} has the size {size}"));
        }
        // The names of these end with their size in bytes.
        let digits = standard_name.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        if let (true, Ok(bytes)) = (value >= MPI_LOGICAL1.0, digits.parse::<c_int>()) {
            expect!([bytes, MPI_UNDEFINED].contains(&size), true, "{standard_name} has {size} bytes");
        }
        let (mut name, mut length) = ([0 as c_char; MPI_MAX_OBJECT_NAME], -1);
        call!(context, MPI_Type_get_name(datatype, name.as_mut_ptr(), &mut length));
        // SAFETY: the library ends the name with NUL, and the buffer did before.
        let name = unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy();
        expect!(name.starts_with("MPI_") && name.len() as c_int == length, true, "{standard_name} is {name}");
        expect!(name == "MPI_DATATYPE_NULL", false, "{standard_name} has the name of the null handle");
    }
    Ok(())
}

pub fn matching_sizes(context: &Context<'_>) -> Result<(), String> {
    for (class, size) in [
        (MPI_TYPECLASS_INTEGER, 4),
        (MPI_TYPECLASS_REAL, 4),
        (MPI_TYPECLASS_REAL, 8),
        (MPI_TYPECLASS_COMPLEX, 16),
    ] {
        let (mut datatype, mut found) = (MPI_DATATYPE_NULL, -1);
        call!(context, MPI_Type_match_size(class, size, &mut datatype));
        call!(context, MPI_Type_size(datatype, &mut found));
        expect!(found, size, "size of the match of class {class}");
    }
    Ok(())
}

pub fn null_handles_have_names(context: &Context<'_>) -> Result<(), String> {
    let (mut name, mut length) = ([0 as c_char; MPI_MAX_OBJECT_NAME], -1);
    call!(context, MPI_Type_get_name(MPI_DATATYPE_NULL, name.as_mut_ptr(), &mut length));
    // SAFETY: the name ends with NUL.
    expect!(unsafe { CStr::from_ptr(name.as_ptr()) }, c"MPI_DATATYPE_NULL", "name of the null datatype");
    call!(context, MPI_Comm_get_name(MPI_COMM_NULL, name.as_mut_ptr(), &mut length));
    // SAFETY: as above.
    expect!(unsafe { CStr::from_ptr(name.as_ptr()) }, c"MPI_COMM_NULL", "name of the null communicator");
    Ok(())
}

/// An attribute of the world that is the address of an int.
fn attribute(context: &Context<'_>, keyval: c_int) -> Result<Option<c_int>, String> {
    let (mut value, mut flag): (*const c_int, _) = (ptr::null(), 0);
    call!(context, MPI_Comm_get_attr(context.world, keyval, ptr::from_mut(&mut value).cast(), &mut flag));
    // SAFETY: the attribute is the address of an int.
    Ok((flag != 0).then(|| unsafe { *value }))
}

/// Asked twice: a translation must not happen in the library's own memory.
pub fn attributes_of_the_world_asked_twice(context: &Context<'_>) -> Result<(), String> {
    for round in 0..2 {
        let tag = attribute(context, MPI_TAG_UB)?;
        expect!(tag.is_some_and(|value| value >= 32_767), true, "MPI_TAG_UB is {tag:?} in round {round}");
        let io = attribute(context, MPI_IO)?;
        let allowed = [Some(MPI_ANY_SOURCE), Some(MPI_PROC_NULL), Some(context.rank), None];
        expect!(allowed.contains(&io), true, "MPI_IO is {io:?} in round {round}");
        let host = attribute(context, MPI_HOST)?;
        let fine = host.is_none_or(|value| value == MPI_PROC_NULL || (0..context.size).contains(&value));
        expect!(fine, true, "MPI_HOST is {host:?} in round {round}");
        let last = attribute(context, MPI_LASTUSEDCODE)?;
        expect!(last.is_some_and(|value| value >= MPI_ERR_LASTCODE), true, "MPI_LASTUSEDCODE is {last:?}");
        let number = attribute(context, MPI_APPNUM)?;
        expect!(number.is_none_or(|value| value == 0), true, "MPI_APPNUM is {number:?}");
        let universe = attribute(context, MPI_UNIVERSE_SIZE)?;
        let fine = universe.is_none_or(|value| (1..MPI_ERR_LASTCODE).contains(&value));
        expect!(fine, true, "MPI_UNIVERSE_SIZE is {universe:?}");
    }
    Ok(())
}
