//! Our tables against each `mpi.h` of this machine: constants, the layout of a status, signatures.
//!
//! The headers were read when this was built (`build/headers.rs`, feature `verify-headers`). Nothing of an MPI runs here.
//! On a build server every header must be there.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use core::ffi::c_int;
use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anympi_core::abi::{MPI_Status, PREDEFINED};
use anympi_core::kinds::*;
use anympi_core::{Abi, Enumerations, Pairs, mpi_functions};
use anympi_mpich::Mpich;
use anympi_openmpi::OpenMpi;

/// What one header says.
#[derive(Default)]
struct Header {
    name: &'static str,
    constants: BTreeMap<String, i64>,
    /// Macros that are the address of a variable.
    addresses: BTreeMap<String, String>,
    /// Signatures as declared.
    functions: BTreeMap<String, String>,
    /// Signatures with their types taken apart.
    native: BTreeMap<String, String>,
}

impl Header {
    fn find(name: &'static str) -> Option<Header> {
        let file = Path::new(env!("ANYMPI_HEADERS")).join(name).with_extension("txt");
        let Ok(text) = std::fs::read_to_string(&file) else {
            let server = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
            assert!(!server, "the header of {name} is missing: `cargo xtask setup --tests` installs it");
            eprintln!("the header of {name} is not installed; nothing to compare with");
            return None;
        };
        let mut header = Header { name, ..Header::default() };
        for line in text.lines() {
            let mut words = line.splitn(3, ' ');
            let (word, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            let texts = match word {
                "constant" => {
                    header.constants.insert(name.to_owned(), rest.parse().unwrap());
                    continue;
                }
                "address" => &mut header.addresses,
                "function" => &mut header.functions,
                "native" => &mut header.native,
                other => panic!("{other}"),
            };
            texts.insert(name.to_owned(), rest.to_owned());
        }
        Some(header)
    }

    fn constant(&self, name: &str) -> i64 {
        *self.constants.get(name).unwrap_or_else(|| panic!("{} has no {name}", self.name))
    }
}

/// The standard: the header that is made of our list and our constants.
fn standard() -> Header {
    Header::find("standard").expect("it is in this repository")
}

/// The standard's names that begin so, with their values.
fn group<'a>(standard: &'a Header, prefix: &'a str) -> impl Iterator<Item = (&'a str, i64)> {
    let all = standard.constants.iter().map(|(name, value)| (name.as_str(), *value));
    all.filter(move |(name, _)| name.starts_with(prefix))
}

fn values(standard: &Header, names: &[&'static str]) -> Vec<(String, i64)> {
    names.iter().map(|name| ((*name).to_owned(), standard.constant(name))).collect()
}

fn prefixed(standard: &Header, prefix: &str, without: &[&str]) -> Vec<(String, i64)> {
    let found =
        group(standard, prefix).filter(|(name, _)| !without.iter().any(|other| name.starts_with(other)));
    found.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Every enumeration of a family: our pairs, and the names that belong to it.
fn enumerations(of: Enumerations, standard: &Header) -> Vec<(Pairs, Vec<(String, i64)>)> {
    let prefixed = |prefix, without: &[&str]| prefixed(standard, prefix, without);
    let keyvals = [
        "MPI_KEYVAL_INVALID",
        "MPI_TAG_UB",
        "MPI_IO",
        "MPI_HOST",
        "MPI_WTIME_IS_GLOBAL",
        "MPI_APPNUM",
        "MPI_LASTUSEDCODE",
        "MPI_UNIVERSE_SIZE",
        "MPI_WIN_BASE",
        "MPI_WIN_DISP_UNIT",
        "MPI_WIN_SIZE",
        "MPI_WIN_CREATE_FLAVOR",
        "MPI_WIN_MODEL",
    ];
    vec![
        (of.order, prefixed("MPI_ORDER_", &[])),
        (of.distribution, prefixed("MPI_DISTRIBUTE_", &["MPI_DISTRIBUTE_DFLT"])),
        (of.distribution_argument, prefixed("MPI_DISTRIBUTE_DFLT", &[])),
        (of.combiner, prefixed("MPI_COMBINER_", &[])),
        (of.type_class, prefixed("MPI_TYPECLASS_", &[])),
        (of.comparison, values(standard, &["MPI_IDENT", "MPI_CONGRUENT", "MPI_SIMILAR", "MPI_UNEQUAL"])),
        (of.topology, values(standard, &["MPI_CART", "MPI_GRAPH", "MPI_DIST_GRAPH"])),
        (of.split_type, prefixed("MPI_COMM_TYPE_", &[])),
        (of.lock_type, prefixed("MPI_LOCK_", &[])),
        (of.flavor, prefixed("MPI_WIN_FLAVOR_", &[])),
        (of.model, values(standard, &["MPI_WIN_UNIFIED", "MPI_WIN_SEPARATE"])),
        (of.whence, prefixed("MPI_SEEK_", &[])),
        (of.keyval, values(standard, &keyvals)),
        (of.file_mode, prefixed("MPI_MODE_", &["MPI_MODE_NO"])),
        (of.assertion, prefixed("MPI_MODE_NO", &[])),
        (of.callback_safety, prefixed("MPI_T_CB_REQUIRE_", &[])),
        (of.source_order, prefixed("MPI_T_SOURCE_", &[])),
        (of.verbosity, prefixed("MPI_T_VERBOSITY_", &[])),
        (of.bind, prefixed("MPI_T_BIND_", &[])),
        (of.scope, prefixed("MPI_T_SCOPE_", &[])),
        (of.pvar_class, prefixed("MPI_T_PVAR_CLASS_", &[])),
    ]
}

/// What a test found: all of it is shown at once.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: T, theirs: T) {
        if ours != theirs {
            self.0.push(format!("{what}: we have {ours:?}, the header has {theirs:?}"));
        }
    }

    fn none(self) {
        assert!(self.0.is_empty(), "\n{}", self.0.join("\n"));
    }
}

/// One family against its headers.
fn compare<A: Abi>(
    headers: &[&'static str],
    handles: impl Fn(&Header, &str) -> Option<(bool, String)>,
    rows: usize,
) {
    let standard = standard();
    let headers: Vec<Header> = headers.iter().filter_map(|name| Header::find(name)).collect();
    let mut wrong = Wrong::default();
    // What some header has confirmed: each row of our tables must be among it.
    let mut seen: Vec<BTreeSet<i64>> = Vec::new();
    let mut handles_seen = BTreeSet::new();
    for header in &headers {
        let name = header.name;
        sentinels::<A>(header, &mut wrong);
        layout::<A>(header, &mut wrong);
        signatures(header, native_functions::<A>(), &mut wrong);

        let mut groups = enumerations(A::ENUMERATIONS, &standard);
        let mut classes = prefixed(&standard, "MPI_ERR_", &["MPI_ERR_LASTCODE"]);
        classes.extend(prefixed(&standard, "MPI_T_ERR_", &[]));
        groups.push((A::ERROR_CLASSES, classes));
        seen.resize(groups.len(), BTreeSet::new());
        for ((pairs, names), seen) in groups.iter().zip(&mut seen) {
            for (constant, value) in names {
                let Some(theirs) = header.constants.get(constant) else { continue };
                let ours =
                    pairs.iter().find(|pair| i64::from(pair.0) == *value).map(|pair| i64::from(pair.1));
                wrong.same(&format!("{name}: {constant}"), ours, Some(*theirs));
                seen.insert(*value);
            }
        }
        for &(constant, value) in PREDEFINED {
            if let Some((same, text)) = handles(header, constant) {
                if !same {
                    wrong.0.push(format!("{name}: {constant}: {text}"));
                }
                handles_seen.insert(value);
            }
        }
    }
    if !headers.is_empty() {
        for ((pairs, _), seen) in enumerations(A::ENUMERATIONS, &standard).iter().zip(&seen) {
            for pair in pairs.iter().filter(|pair| !seen.contains(&i64::from(pair.0))) {
                wrong.0.push(format!("no header has what our table says of the standard's {pair:?}"));
            }
        }
        wrong.same("handles that some header confirms", rows, handles_seen.len());
    }
    wrong.none();
}

/// Values that are constants of the family.
fn sentinels<A: Abi>(header: &Header, wrong: &mut Wrong) {
    for (constant, ours) in [
        ("MPI_ANY_SOURCE", i64::from(A::ANY_SOURCE)),
        ("MPI_PROC_NULL", i64::from(A::PROC_NULL)),
        ("MPI_ROOT", i64::from(A::ROOT)),
        ("MPI_ANY_TAG", i64::from(A::ANY_TAG)),
        ("MPI_IN_PLACE", A::IN_PLACE as i64),
        ("MPI_STATUS_IGNORE", A::STATUS_IGNORE as i64),
        ("MPI_STATUSES_IGNORE", A::STATUS_IGNORE as i64),
        ("MPI_DISPLACEMENT_CURRENT", A::DISPLACEMENT_CURRENT),
        ("MPI_BOTTOM", 0),
        ("MPI_UNDEFINED", i64::from(anympi_core::abi::MPI_UNDEFINED)),
        ("MPI_SUCCESS", 0),
        ("MPI_THREAD_SINGLE", i64::from(Thread::inward::<A>(anympi_core::abi::MPI_THREAD_SINGLE))),
        ("MPI_THREAD_FUNNELED", i64::from(Thread::inward::<A>(anympi_core::abi::MPI_THREAD_FUNNELED))),
        ("MPI_THREAD_SERIALIZED", i64::from(Thread::inward::<A>(anympi_core::abi::MPI_THREAD_SERIALIZED))),
        ("MPI_THREAD_MULTIPLE", i64::from(Thread::inward::<A>(anympi_core::abi::MPI_THREAD_MULTIPLE))),
    ] {
        wrong.same(&format!("{}: {constant}", header.name), ours, header.constant(constant));
    }
    if let Some(theirs) = header.constants.get("MPI_BUFFER_AUTOMATIC") {
        wrong.same(&format!("{}: MPI_BUFFER_AUTOMATIC", header.name), A::BUFFER_AUTOMATIC as i64, *theirs);
    }
    // A caller's string has the standard's size, and the library writes into it.
    for (constant, ours) in group(&standard(), "MPI_MAX_") {
        if header.constants.get(constant).is_some_and(|theirs| *theirs > ours) {
            wrong.0.push(format!("{}: {constant} is larger than the standard's {ours}", header.name));
        }
    }
}

/// The status, by what the family's functions read from bytes that are laid out as the header says.
fn layout<A: Abi>(header: &Header, wrong: &mut Wrong) {
    let name = header.name;
    for size in ["sizeof_MPI_Aint", "sizeof_MPI_Count", "sizeof_MPI_Offset"] {
        wrong.same(&format!("{name}: {size}"), 8, header.constant(size));
    }
    let size = usize::try_from(header.constant("sizeof_MPI_Status")).unwrap();
    wrong.same(&format!("{name}: the size of MPI_Status"), size_of::<A::Status>(), size);
    if size != size_of::<A::Status>() {
        return;
    }
    let mut bytes: Vec<c_int> = vec![0; size / size_of::<c_int>()];
    for (field, value) in [("MPI_SOURCE", 41), ("MPI_TAG", 42), ("MPI_ERROR", 43)] {
        let offset = usize::try_from(header.constant(&format!("offsetof_{field}"))).unwrap();
        bytes[offset / size_of::<c_int>()] = value;
    }
    // SAFETY: as many bytes, and a status is made of integers.
    let native = unsafe { bytes.as_ptr().cast::<A::Status>().read_unaligned() };
    let mut outer = MPI_Status::default();
    A::status_out(&native, &mut outer);
    let found = (outer.MPI_SOURCE, outer.MPI_TAG, A::status_error(&native));
    wrong.same(&format!("{name}: the fields of MPI_Status"), found, (41, 42, 43));
}

/// A function of the list: the kind and the type of each parameter, and the type of the result.
struct Expected {
    name: &'static str,
    parameters: Vec<(&'static str, &'static str)>,
    result: &'static str,
}

macro_rules! expectations {
    ($($(#[$own:ident $(($small:ident))?])? fn $function:ident($($parameter:ident: $kind:ty $([$($related:ident),+])?),*) -> $return:ident;)*) => {
        /// The list in a family's own types.
        fn native_functions<A: Abi>() -> Vec<Expected> {
            vec![$(Expected {
                name: stringify!($function),
                parameters: vec![$((stringify!($kind), type_name::<<$kind as Kind>::Native<A>>())),*],
                result: type_name::<<$return as Return>::Native<A>>(),
            }),*]
        }

        /// The list in the types of the standard ABI.
        fn standard_functions() -> Vec<Expected> {
            vec![$(Expected {
                name: stringify!($function),
                parameters: vec![$((stringify!($kind), type_name::<<$kind as Kind>::Outer>())),*],
                result: type_name::<<$return as Return>::Value>(),
            }),*]
        }
    };
}

mpi_functions!(expectations);

/// A Rust type in the words of `build/headers.rs`.
fn plain(kind: &str, rust_type: &str) -> String {
    if let Some(to) = rust_type.strip_prefix("*mut ").or_else(|| rust_type.strip_prefix("*const ")) {
        return match kind {
            "Callback" => "fn".to_owned(),
            "Tool" => "handle".to_owned(),
            "OutTool" => "*handle".to_owned(),
            _ => format!("*{}", plain(kind, to)),
        };
    }
    match rust_type.rsplit("::").next().unwrap_or(rust_type) {
        "isize" => "i64",
        "c_void" => "void",
        "Status" | "MPI_Status" => "status",
        "NativeHandle" | "NativeFile" => "handle",
        "[i32; 3]" => "i32",
        name if name.starts_with("MPI_") => "handle",
        name => name,
    }
    .to_owned()
}

fn signatures(header: &Header, expected: Vec<Expected>, wrong: &mut Wrong) {
    let mut compared = 0;
    for Expected { name, parameters, result } in expected {
        // A release may lack a function; the loader finds out.
        let Some(theirs) = header.native.get(name) else { continue };
        let ours: Vec<String> = parameters.iter().map(|(kind, rust_type)| plain(kind, rust_type)).collect();
        let (theirs, their_result) = theirs[1..].split_once(") -> ").unwrap();
        let theirs: Vec<&str> = theirs.split(", ").filter(|text| !text.is_empty()).collect();
        let what = format!("{}: {name}", header.name);
        wrong.same(&what, plain("", result).as_str(), their_result);
        let same = ours.len() == theirs.len()
            && parameters.iter().zip(&ours).zip(&theirs).all(|(((kind, _), ours), theirs)| match *kind {
                // How deep it is the kind does not say: argv, its address, or several.
                "Argv" => theirs.trim_start_matches('*') == "i8" && theirs.starts_with("**"),
                _ => ours == theirs,
            });
        if !same {
            wrong.0.push(format!("{what}: we have {ours:?}, the header has {theirs:?}"));
        }
        compared += 1;
    }
    assert!(compared > 380, "{} has only {compared} functions of the list", header.name);
}

/// Datatypes for which Open MPI has a variable and no type: every operation refuses them, so our table leaves them out.
const UNAVAILABLE: [&str; 3] = ["MPI_COMPLEX4", "MPI_INTEGER16", "MPI_REAL2"];

#[test]
fn open_mpi() {
    let handles = |header: &Header, name: &str| {
        let theirs = header.addresses.get(name)?;
        let value = PREDEFINED.iter().find(|known| known.0 == name)?.1;
        let ours =
            anympi_openmpi::HANDLES.iter().find(|row| row.0 == value).map(|row| row.1.to_str().unwrap());
        if UNAVAILABLE.contains(&name) {
            return ours.map(|ours| (false, format!("we have {ours}, which is unavailable")));
        }
        Some((ours == Some(theirs), format!("we have {ours:?}, the header has {theirs}")))
    };
    compare::<OpenMpi>(&["openmpi4", "openmpi5"], handles, anympi_openmpi::HANDLES.len());
}

#[test]
fn mpich_and_intel() {
    let rows = || anympi_mpich::HANDLES.iter().chain(anympi_mpich::HANDLES_SINCE_5);
    let handles = |header: &Header, name: &str| {
        let theirs = *header.constants.get(name)? as u32;
        // A datatype that this release lacks.
        if theirs == header.constant("MPI_DATATYPE_NULL") as u32 && name != "MPI_DATATYPE_NULL" {
            return None;
        }
        // The one handle that is a pointer: no row of the table, but a case of `Abi::file_in`.
        if name == "MPI_FILE_NULL" {
            return Some((theirs == 0, format!("we have 0, the header has {theirs:x}")));
        }
        let value = PREDEFINED.iter().find(|known| known.0 == name)?.1;
        let ours = rows().find(|row| row.0 == value).map(|row| row.1);
        Some((ours == Some(theirs), format!("we have {ours:x?}, the header has {theirs:x}")))
    };
    compare::<Mpich>(&["mpich4", "mpich5", "intel"], handles, rows().count() + 1);
}

/// The standard ABI in Rust, and our header, against the headers of others.
fn compare_standard(name: &'static str, differences: &[&str]) {
    let standard = standard();
    let Some(header) = Header::find(name) else { return };
    let mut wrong = Wrong::default();
    for &(constant, ours) in PREDEFINED {
        if let (Some(theirs), false) = (header.constants.get(constant), differences.contains(&constant)) {
            wrong.same(&format!("{name}: {constant}"), ours as i64, *theirs);
        }
    }
    let mut differ = BTreeSet::new();
    for (constant, ours) in &standard.constants {
        match header.constants.get(constant) {
            Some(theirs) if theirs == ours => {}
            // Ours has no more than the standard, so every other one has it too.
            _ => {
                differ.insert(constant.as_str());
            }
        }
    }
    wrong.same(&format!("{name}: constants that differ"), differences.iter().copied().collect(), differ);
    for (function, ours) in &standard.functions {
        if let Some(theirs) = header.functions.get(function) {
            wrong.same(&format!("{name}: {function}"), ours, theirs);
        }
    }
    signatures(&header, standard_functions(), &mut wrong);
    signatures(&standard, standard_functions(), &mut wrong);
    wrong.none();
}

#[test]
fn the_standard_abi() {
    compare_standard("mpich5-abi", &[]);
}

#[test]
fn the_standard_abi_of_intel() {
    // What a release that follows a draft has otherwise; `backends/abi/src/quirks.rs` puts it right.
    let differences = [
        "MPI_APPNUM",
        "MPI_ERRORS_ABORT",
        "MPI_ERRORS_RETURN",
        "MPI_LASTUSEDCODE",
        "MPI_SEEK_CUR",
        "MPI_SEEK_END",
        "MPI_SEEK_SET",
        "MPI_UNIVERSE_SIZE",
    ];
    compare_standard("intel-abi", &differences);
}
