//! How much a call may cost more than natively, and the table that says where that holds.

use comfy_table::{Cell, CellAlignment, Table, presets};

use super::mpi::{Figure, Measured, cores};

/// What may be added to the native time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At most so many nanoseconds.
    Nanoseconds(f64),
    /// At most so many hundredths of the native time.
    Percent(f64),
}

/// How much the best of many rounds still differs between two runs of the same code: what noise is taken to be.
const NOISE: f64 = 5.0;

/// How many milliseconds of the first call may be ours.
const LOADING: f64 = 5.0;

/// The goals, by what is called.
const GOALS: &[(&str, Goal)] = &[
    ("Comm_rank", Goal::Nanoseconds(2.0)),
    ("Comm_size of a dup", Goal::Nanoseconds(2.0)),
    ("Type_size", Goal::Nanoseconds(2.0)),
    ("Type_get_extent", Goal::Nanoseconds(2.0)),
    ("Get_count", Goal::Nanoseconds(3.0)),
    ("Isend to nobody + Wait", Goal::Nanoseconds(6.0)),
    ("Irecv + Isend + Waitall(2)", Goal::Nanoseconds(15.0)),
    ("32 Irecv, Isend + Waitall(64)", Goal::Percent(8.0)),
    ("Reduce_local user op", Goal::Nanoseconds(5.0)),
    ("bandwidth 1 KB", Goal::Percent(NOISE)),
    ("bandwidth 16 KB", Goal::Percent(NOISE)),
    ("bandwidth 64 KB", Goal::Percent(NOISE)),
    ("bandwidth 256 KB", Goal::Percent(NOISE)),
    ("bandwidth 1 MB", Goal::Percent(NOISE)),
    ("bandwidth 4 MB", Goal::Percent(NOISE)),
];

/// The goal of a thing, if it has one.
pub fn of(name: &str) -> Option<Goal> {
    GOALS.iter().find(|goal| goal.0 == name).map(|goal| goal.1)
}

impl Goal {
    /// Whether the best times are within the goal.
    pub fn is_met(self, figure: &Figure) -> bool {
        // Shown figures have two digits, and what is shown is what is judged.
        match self {
            Self::Nanoseconds(most) => round(figure.added()) <= most,
            Self::Percent(most) => round((figure.ratio() - 1.0) * 100.0) <= most,
        }
    }

    /// The goal in words.
    pub fn text(self) -> String {
        match self {
            Self::Nanoseconds(most) => format!("{most} ns"),
            Self::Percent(most) => format!("{most} %"),
        }
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// What a cell says: how much is added, in the unit of the goal, and an exclamation mark where the goal is missed.
fn cell(figure: &Figure) -> Cell {
    let goal = of(&figure.name);
    let added = match goal {
        Some(Goal::Percent(_)) => format!("{:+.1} %", (figure.ratio() - 1.0) * 100.0),
        _ if figure.ranks > 1 => format!("{:+.1} %", (figure.ratio() - 1.0) * 100.0),
        _ => format!("{:+.1}", figure.added()),
    };
    let native = if figure.bytes > 0 {
        format!("{:.1} GB/s", figure.bytes as f64 / figure.native.least)
    } else if figure.native.least >= 1000.0 {
        format!("{:.2} µs", figure.native.least / 1000.0)
    } else {
        format!("{:.1}", figure.native.least)
    };
    let missed = if goal.is_some_and(|goal| !goal.is_met(figure)) { " !" } else { "" };
    Cell::new(format!("{added}{missed} ({native})")).set_alignment(CellAlignment::Right)
}

/// The table of everything that was measured, and a line for what has no row.
pub fn report(measured: &[Measured]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(
        ["added (native)", "goal"].into_iter().chain(measured.iter().map(|library| library.name.as_str())),
    );
    let names = measured.first().map(|library| library.figures.as_slice()).unwrap_or_default();
    for figure in names {
        let mut row =
            vec![Cell::new(&figure.name), Cell::new(of(&figure.name).map_or_else(String::new, Goal::text))];
        for library in measured {
            let same = library.figures.iter().find(|other| other.name == figure.name);
            row.push(same.map_or_else(|| Cell::new(""), cell));
        }
        table.add_row(row);
    }
    let mut row = vec![Cell::new("allocations per call"), Cell::new("0")];
    row.extend(measured.iter().map(|library| {
        let allocating: Vec<&str> = library
            .figures
            .iter()
            .filter(|figure| figure.allocates())
            .map(|figure| figure.name.as_str())
            .collect();
        Cell::new(if allocating.is_empty() { "0".into() } else { format!("! {}", allocating.join(", ")) })
            .set_alignment(CellAlignment::Right)
    }));
    table.add_row(row);
    let mut row = vec![Cell::new("first call, without loading"), Cell::new(format!("{LOADING} ms"))];
    row.extend(measured.iter().map(|library| {
        let loading = library.loading;
        let missed = if loading.added() > LOADING { " !" } else { "" };
        Cell::new(format!("{:+.1} ms{missed} ({:.1} ms)", loading.added(), loading.linker))
            .set_alignment(CellAlignment::Right)
    }));
    table.add_row(row);
    let judged = measured
        .iter()
        .flat_map(|library| &library.figures)
        .filter_map(|figure| of(&figure.name).map(|goal| goal.is_met(figure)));
    let judged = judged
        .chain(measured.iter().map(|library| library.figures.iter().all(|figure| !figure.allocates())))
        .chain(measured.iter().map(|library| library.loading.added() <= LOADING));
    let (met, all) = judged.fold((0, 0), |(met, all), one| (met + u32::from(one), all + 1));
    format!(
        "{table}\nLeast of many rounds; nanoseconds where no unit is given; in brackets the library itself. \
         ! marks a missed goal: {met} of {all} met. {} cores.",
        cores()
    )
}

#[cfg(test)]
mod tests {
    use super::super::mpi::{Loading, Times};
    use super::*;

    fn figure(name: &str, native: f64, ours: f64, allocations: u64) -> Figure {
        let times = |least, allocations| Times { least, median: least, allocations };
        Figure {
            name: name.into(),
            ranks: 1,
            bytes: 0,
            turns: 1000,
            native: times(native, 0),
            ours: times(ours, allocations),
        }
    }

    #[test]
    fn goals_are_judged_by_what_is_added() {
        let goal = of("Get_count").unwrap();
        assert!(goal.is_met(&figure("Get_count", 4.0, 7.0, 0)));
        assert!(!goal.is_met(&figure("Get_count", 4.0, 7.2, 0)));
        let window = of("32 Irecv, Isend + Waitall(64)").unwrap();
        assert!(window.is_met(&figure("", 1000.0, 1080.0, 0)));
        assert!(!window.is_met(&figure("", 1000.0, 1090.0, 0)));
        assert_eq!(of("Iprobe"), None);
    }

    #[test]
    fn the_table_marks_what_misses_its_goal() {
        let library = Measured {
            name: "library".into(),
            figures: vec![figure("Comm_rank", 3.0, 8.0, 0), figure("Get_count", 3.0, 4.0, 1000)],
            loading: Loading { first_call: 20.0, linker: 18.0 },
        };
        let report = report(&[library]);
        assert!(report.contains("+5.0 ! (3.0)") && report.contains("+1.0 (3.0)"), "{report}");
        assert!(report.contains("! Get_count") && report.contains("+2.0 ms (18.0 ms)"), "{report}");
        assert!(report.contains("2 of 4 met"), "{report}");
    }
}
