//! What the headers of the MPIs say, by bindgen: constants, sizes, offsets and signatures, one plain file per header.
//!
//! bindgen evaluates integers only, and most handles and sentinels are macros with casts. So the header is read together
//! with a constant of our own for each macro, whose initializer casts it to an integer; clang evaluates that. Open MPI's
//! handles are addresses, which no compiler knows: for them the macro's text names the variable.
//!
//! The lines of a file:
//!
//! ```text
//! constant NAME VALUE            a macro or an enumerator; sizeof_TYPE and offsetof_FIELD of the status too
//! address NAME VARIABLE          a macro that is the address of a variable
//! function NAME (T, T) -> T      as declared
//! native NAME (T, T) -> T        the same with every type taken apart: i32, *void, handle, status, fn
//! ```
//!
//! Whether something may be written through a pointer is left out; releases differ in that, and no call depends on it.

#![allow(clippy::expect_used, reason = "a build script fails by panicking, and cargo shows it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use syn::{Expr, ExprLit, ExprUnary, FnArg, ForeignItem, Item, Lit, ReturnType, Type, UnOp};

/// What our own constants begin with.
const MARK: &str = "anympi_";

/// The fields of a status that the standard names.
const FIELDS: [&str; 3] = ["MPI_SOURCE", "MPI_TAG", "MPI_ERROR"];

/// Writes `NAME.txt` for each header that is there into a directory, whose name the test gets at compile time.
pub fn write_all() {
    println!("cargo::rerun-if-changed=build/headers.rs");
    println!("cargo::rerun-if-env-changed=LIBCLANG_PATH");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let directory = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("headers");
    // What an earlier build found may be gone.
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory for the facts");
    println!("cargo::rustc-env=ANYMPI_HEADERS={}", directory.display());

    let standard = root.join("abi/include/mpi.h");
    let names = macros(&standard).into_keys().collect();
    for (name, header) in headers(&root, standard) {
        println!("cargo::rerun-if-changed={}", header.display());
        if header.is_file() {
            fs::write(directory.join(format!("{name}.txt")), facts(&header, &names))
                .expect("the facts of a header");
        }
    }
}

/// Every header that may be there, and what the test calls it.
fn headers(root: &Path, standard: PathBuf) -> Vec<(&'static str, PathBuf)> {
    let installed = |path: &str| root.join(".anympi").join(path);
    vec![
        ("standard", standard),
        ("openmpi5", installed("mpi/openmpi/include/mpi.h")),
        ("mpich5", installed("mpi/mpich/include/mpi.h")),
        ("mpich5-abi", installed("mpi/mpich/include/mpi_abi.h")),
        ("intel", installed("headers/intel/include/mpi.h")),
        ("intel-abi", installed("headers/intel/include/mpi_abi.h")),
        ("openmpi4", of_the_system("openmpi")),
        ("mpich4", of_the_system("mpich")),
    ]
}

/// Where Debian has the headers of an MPI.
fn of_the_system(mpi: &str) -> PathBuf {
    let mut places = Vec::new();
    for parent in ["/usr/lib", "/usr/include"] {
        for architecture in fs::read_dir(parent).into_iter().flatten().flatten() {
            places.push(architecture.path().join(mpi).join("include/mpi.h"));
            places.push(architecture.path().join(mpi).join("mpi.h"));
        }
    }
    let first = places.iter().find(|place| place.is_file());
    first.cloned().unwrap_or_else(|| PathBuf::from(format!("/usr/include/{mpi}/mpi.h")))
}

/// The object-like macros `MPI_*` of a header and their texts.
fn macros(header: &Path) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(&fs::read(header).expect("a header that can be read")).into_owned();
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let Some(definition) =
            line.trim_start().strip_prefix('#').and_then(|rest| rest.trim_start().strip_prefix("define "))
        else {
            continue;
        };
        let definition = definition.trim_start();
        let end = definition
            .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .unwrap_or(definition.len());
        let (name, value) = definition.split_at(end);
        if name.starts_with("MPI_") && !value.starts_with('(') {
            found.insert(name.to_owned(), value.trim().to_owned());
        }
    }
    found
}

/// The facts of one header; `names` are the macros that matter.
fn facts(header: &Path, names: &BTreeSet<String>) -> String {
    let mut lines = Vec::new();
    for (name, text) in macros(header) {
        // `OMPI_PREDEFINED_GLOBAL( MPI_Comm, ompi_mpi_comm_world)`
        let arguments = text.strip_prefix("OMPI_PREDEFINED_GLOBAL").and_then(|text| text.split_once(','));
        if let Some((_, variable)) = arguments {
            lines.push(format!("address {name} {}", variable.trim().trim_end_matches(')')));
        }
    }
    let file = syn::parse_file(&bindings(header, names)).expect("bindgen writes Rust");
    let reader = Reader::of(&file);
    // An enumerator is there once, a macro perhaps twice: as bindgen took it and as our constant, which has its type.
    let (mut ours, mut plain) = (BTreeMap::new(), BTreeMap::new());
    for item in &file.items {
        match item {
            Item::Const(constant) => {
                let name = constant.ident.to_string();
                if let Some(value) = integer(&constant.expr) {
                    match name.strip_prefix(MARK) {
                        Some(name) => ours.insert(name.to_owned(), value),
                        None => plain.insert(name, value),
                    };
                }
            }
            Item::ForeignMod(block) => {
                for item in &block.items {
                    if let ForeignItem::Fn(function) = item {
                        let name = &function.sig.ident;
                        for (word, plain) in [("function", false), ("native", true)] {
                            lines.push(format!("{word} {name} {}", reader.signature(&function.sig, plain)));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    plain.extend(ours);
    lines.extend(plain.iter().map(|(name, value)| format!("constant {name} {value}")));
    lines.sort();
    lines.dedup();
    lines.join("\n") + "\n"
}

/// What bindgen makes of a header with our constants behind it.
fn bindings(header: &Path, names: &BTreeSet<String>) -> String {
    let mut probe = format!("#include <stddef.h>\n#include \"{}\"\n", header.display());
    for name in names {
        // Casts of addresses that only a linker knows are no constants: bindgen then gives no value.
        probe.push_str(&format!(
            "#ifdef {name}\nstatic const long long {MARK}{name} = (long long) ({name});\n#endif\n"
        ));
    }
    for name in ["MPI_Aint", "MPI_Count", "MPI_Offset", "MPI_Status"] {
        probe.push_str(&format!("static const long long {MARK}sizeof_{name} = sizeof({name});\n"));
    }
    for field in FIELDS {
        probe.push_str(&format!(
            "static const long long {MARK}offsetof_{field} = offsetof(MPI_Status, {field});\n"
        ));
    }
    bindgen::Builder::default()
        .header_contents("probe.h", &probe)
        .clang_arg(format!("-I{}", header.parent().expect("a header is in a directory").display()))
        .clang_args(compilers_headers())
        .allowlist_function("MPI_.*")
        .allowlist_var(format!("{MARK}.*|MPI_.*"))
        .allowlist_type("MPI.*")
        .prepend_enum_name(false)
        .layout_tests(false)
        .generate_comments(false)
        .formatter(bindgen::Formatter::None)
        .generate()
        .unwrap_or_else(|error| panic!("bindgen does not understand {}: {error}", header.display()))
        .to_string()
}

/// The C compiler's own headers (`stddef.h`), for a libclang that comes without any.
fn compilers_headers() -> Vec<String> {
    let output = Command::new("cc").arg("-print-file-name=include").output();
    let path =
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if path.is_empty() { Vec::new() } else { vec!["-idirafter".into(), path] }
}

/// The value of a literal.
fn integer(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Some(number.base10_digits().to_owned()),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => Some(format!("-{}", integer(expr)?)),
        _ => None,
    }
}

/// Reads types as text.
struct Reader<'a> {
    aliases: BTreeMap<String, &'a Type>,
}

impl<'a> Reader<'a> {
    fn of(file: &'a syn::File) -> Self {
        let aliases = file.items.iter().filter_map(|item| match item {
            Item::Type(alias) => Some((alias.ident.to_string(), &*alias.ty)),
            _ => None,
        });
        Self { aliases: aliases.collect() }
    }

    fn signature(&self, signature: &syn::Signature, plain: bool) -> String {
        let parameters = signature.inputs.iter().map(|input| match input {
            FnArg::Typed(parameter) => self.text(&parameter.ty, plain),
            FnArg::Receiver(_) => "self".to_owned(),
        });
        let parameters: Vec<String> = parameters.collect();
        let result = match &signature.output {
            ReturnType::Default => "void".to_owned(),
            ReturnType::Type(_, result) => self.text(result, plain),
        };
        format!("({}) -> {result}", parameters.join(", "))
    }

    /// A type as it is declared, or taken apart.
    fn text(&self, given: &Type, plain: bool) -> String {
        match given {
            Type::Ptr(pointer) => {
                let to = self.text(&pointer.elem, plain);
                // What is behind a pointer to a structure of the library is nobody's business.
                if plain && to == "structure" { "handle".to_owned() } else { format!("*{to}") }
            }
            // An array parameter is a pointer; an array of arrays points to its elements.
            Type::Array(array) => self.text(&array.elem, plain),
            Type::Path(path) => {
                let name = path.path.segments.last().expect("a path has segments").ident.to_string();
                let simple = match name.as_str() {
                    // An enumeration without negative members is unsigned here and an int to C.
                    "c_int" | "c_uint" | "i32" | "u32" => "i32",
                    "c_long" | "c_longlong" | "i64" | "isize" => "i64",
                    "c_char" => "i8",
                    "c_double" | "f64" => "f64",
                    "c_void" => "void",
                    "Option" => "fn",
                    "MPI_Status" if plain => "status",
                    _ => "",
                };
                match (simple, self.aliases.get(&name)) {
                    ("", Some(to)) if plain => self.text(to, plain),
                    ("", None) if plain => "structure".to_owned(),
                    ("", _) => name,
                    (simple, _) => simple.to_owned(),
                }
            }
            _ => "?".to_owned(),
        }
    }
}
