//! `bench mpi --instructions`: how many instructions a call takes, natively and through `libmpi_abi.so.1`.
//!
//! Callgrind counts what a processor that it simulates does, so the figures do not depend on the load of the machine. They
//! tell where the code got longer, not how long it takes: a processor does several instructions at a time.

use std::path::Path;

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde_json::{Value, json};

use super::mpi::{Bench, Library};
use crate::failure::{Doing, Failure, Outcome};

/// How often each thing is done while it is counted; the counts are divided by it.
const TURNS: u32 = 1000;

/// The instructions of one turn of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    name: String,
    native: f64,
    ours: f64,
}

impl Counted {
    fn added(&self) -> f64 {
        self.ours - self.native
    }
}

/// Everything that was counted of one library.
pub struct Counts {
    name: String,
    counted: Vec<Counted>,
}

/// Counts the calls of one rank.
pub fn count(bench: &Bench<'_>, library: &Library<'_>) -> Outcome<Counts> {
    let native = bench.native(library)?;
    let directory = tempfile::tempdir().doing("make", Path::new("a temporary directory"))?;
    let mut command = bench.launch(library, 1);
    command.args(["valgrind", "--tool=callgrind", "--instr-atstart=no"]);
    command.arg(format!("--callgrind-out-file={}", directory.path().join("counts").display()));
    bench.measuring(&mut command, "count", &native, TURNS);
    bench.run(&format!("count instructions of {}", library.name), &mut command, library)?;
    let mut dumps = Vec::new();
    for entry in std::fs::read_dir(&directory).doing("read", directory.path())? {
        let path = entry.doing("read", directory.path())?.path();
        dumps.extend(dump(&std::fs::read_to_string(&path).doing("read", &path)?));
    }
    let counted = join(dumps);
    if counted.is_empty() {
        return Err(Failure::new(format!("callgrind has counted nothing of {}", library.name)));
    }
    Ok(Counts { name: library.name.clone(), counted })
}

/// What one dump of callgrind's says: its number, whose call it was, and how many instructions one turn took.
struct Dump {
    part: u32,
    side: String,
    name: String,
    instructions: f64,
}

/// Reads a dump; `None` for the one at the end of the program, which nobody asked for.
fn dump(text: &str) -> Option<Dump> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let (side, name) = value("desc: Trigger: Client Request:")?.split_once(": ")?;
    let total: u64 = value("summary:")?.parse().ok()?;
    Some(Dump {
        part: value("part:")?.parse().ok()?,
        side: side.to_owned(),
        name: name.to_owned(),
        instructions: total as f64 / f64::from(TURNS),
    })
}

/// Brings both sides of each thing together, in the order in which they were counted.
fn join(mut dumps: Vec<Dump>) -> Vec<Counted> {
    dumps.sort_by_key(|dump| dump.part);
    let (natives, ours): (Vec<Dump>, Vec<Dump>) = dumps.into_iter().partition(|dump| dump.side == "native");
    natives
        .into_iter()
        .filter_map(|native| {
            let ours = ours.iter().find(|ours| ours.name == native.name)?.instructions;
            Some(Counted { name: native.name, native: native.instructions, ours })
        })
        .collect()
}

/// The table: instructions added, and in brackets those of the library itself.
pub fn report(libraries: &[Counts]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(
        ["instructions added (native)"].into_iter().chain(libraries.iter().map(|one| &*one.name)),
    );
    let rows = libraries.first().map(|library| library.counted.as_slice()).unwrap_or_default();
    for row in rows {
        let mut cells = vec![Cell::new(&row.name)];
        for library in libraries {
            let same = library.counted.iter().find(|other| other.name == row.name);
            let text =
                same.map_or_else(String::new, |one| format!("{:+.0} ({:.0})", one.added(), one.native));
            cells.push(Cell::new(text).set_alignment(CellAlignment::Right));
        }
        table.add_row(cells);
    }
    table.to_string()
}

/// The same, for programs.
pub fn json(libraries: &[Counts]) -> Value {
    let library = |one: &Counts| {
        let figures: Vec<Value> = one
            .counted
            .iter()
            .map(|figure| json!({ "name": figure.name, "native": figure.native, "ours": figure.ours }))
            .collect();
        json!({ "name": one.name, "instructions": figures })
    };
    json!({ "libraries": libraries.iter().map(library).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(part: u32, trigger: &str, total: u64) -> String {
        format!("version: 1\npart: {part}\n\ndesc: Trigger: {trigger}\n\nevents: Ir\nsummary: {total}\n")
    }

    #[test]
    fn dumps_become_rows_in_the_order_of_the_program() {
        let dumps = [
            text(4, "Client Request: ours: Get_count", 9_000),
            text(3, "Client Request: native: Get_count", 8_000),
            text(2, "Client Request: ours: Comm_rank", 5_500),
            text(1, "Client Request: native: Comm_rank", 4_000),
            text(5, "Program termination", 77),
        ];
        let counted = join(dumps.iter().filter_map(|text| dump(text)).collect());
        let row = |name: &str, native, ours| Counted { name: name.into(), native, ours };
        assert_eq!(counted, [row("Comm_rank", 4.0, 5.5), row("Get_count", 8.0, 9.0)]);
        let report = report(&[Counts { name: "library".into(), counted }]);
        assert!(report.contains("+2 (4)") && report.contains("+1 (8)"), "{report}");
    }
}
