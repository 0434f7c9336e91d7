//! The constants of `core/src/abi` as C: lines `NAME: type = value;` below comments that name their group.

use crate::failure::{Failure, Outcome};

/// Groups that are enumerations with a name in C, since functions take them as such: what the names begin with, the type.
const ENUMERATIONS: [(&str, &str); 2] =
    [("MPI_T_CB_REQUIRE_", "MPI_T_cb_safety"), ("MPI_T_SOURCE_", "MPI_T_source_order")];

/// One constant of the source.
struct Constant<'a> {
    name: &'a str,
    rust_type: &'a str,
    value: &'a str,
}

/// `    MPI_SUM: MPI_Op = 0x21;`
fn constant(line: &str) -> Option<Constant<'_>> {
    let (name, rest) = line.strip_prefix("    ")?.split_once(": ")?;
    let (rust_type, value) = rest.strip_suffix(';')?.split_once(" = ")?;
    name.starts_with("MPI_").then_some(Constant { name, rust_type, value })
}

/// The predefined handles, one after the other.
pub fn handles(source: &str) -> Outcome<String> {
    let mut text = String::new();
    let mut class = "";
    for Constant { name, rust_type, value } in source.lines().filter_map(constant) {
        if rust_type != class {
            class = rust_type;
            text.push_str(&format!("\n/* Predefined handles: {class} */\n"));
        }
        text.push_str(&format!("#define {name} (({rust_type}) {value})\n"));
    }
    if text.is_empty() { Err(Failure::new("no predefined handle found in the core")) } else { Ok(text) }
}

/// All other constants, in their groups.
pub fn values(source: &str) -> Outcome<String> {
    let mut groups: Vec<(&str, Vec<Constant<'_>>)> = Vec::new();
    let mut comment = "";
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("// ") {
            comment = text;
        } else if line == "constants! {" {
            groups.push((comment, Vec::new()));
        } else if let (Some(constant), Some(group)) = (constant(line), groups.last_mut()) {
            group.1.push(constant);
        }
    }
    let mut text = String::new();
    for (comment, constants) in &groups {
        text.push_str(&format!("\n/* {comment} */\n"));
        let first = constants.first().map_or("", |constant| constant.name);
        let enumeration = ENUMERATIONS.iter().find(|(prefix, _)| first.starts_with(prefix));
        if let Some((_, name)) = enumeration {
            let lines: Vec<String> = constants
                .iter()
                .map(|constant| format!("    {} = {}", constant.name, constant.value))
                .collect();
            text.push_str(&format!("typedef enum {name} {{\n{}\n}} {name};\n", lines.join(",\n")));
            continue;
        }
        for constant in constants {
            text.push_str(&format!("#define {} {}\n", constant.name, expression(constant)?));
        }
    }
    Ok(text)
}

/// The value in C.
fn expression(constant: &Constant<'_>) -> Outcome<String> {
    let pointer = match constant.value {
        "core::ptr::null_mut()" => Some("0"),
        value => {
            value.strip_prefix("core::ptr::without_provenance_mut(").and_then(|rest| rest.strip_suffix(')'))
        }
    };
    match (constant.rust_type, pointer) {
        ("*mut c_void", Some(value)) => Ok(format!("((void *) {value})")),
        ("*mut c_int", Some(value)) => Ok(format!("((int *) {value})")),
        ("i64", None) => Ok(format!("((MPI_Offset) {})", constant.value)),
        ("c_int" | "usize", None) if constant.value.starts_with('-') => Ok(format!("({})", constant.value)),
        ("c_int" | "usize", None) => Ok(constant.value.to_owned()),
        _ => Err(Failure::new(format!(
            "{}: no rule says how {} is written in C",
            constant.name, constant.rust_type
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sort_of_value_is_written_in_c() {
        let source = "\
// Some
constants! {
    MPI_A: c_int = -3;
    MPI_B: usize = 0x10;
    MPI_C: i64 = -1;
    MPI_D: *mut c_void = core::ptr::null_mut();
    MPI_E: *mut c_int = core::ptr::without_provenance_mut(10);
}
";
        let text = values(source).unwrap();
        for line in [
            "/* Some */",
            "#define MPI_A (-3)",
            "#define MPI_B 0x10",
            "#define MPI_C ((MPI_Offset) -1)",
            "#define MPI_D ((void *) 0)",
            "#define MPI_E ((int *) 10)",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(values("constants! {\n    MPI_A: f32 = 1.0;\n}\n").is_err());
        assert!(handles("nothing").is_err());
    }
}
