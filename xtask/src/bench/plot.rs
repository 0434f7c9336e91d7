//! Plots as SVG: a few lines and circles need no library.

use std::fmt::Write;

use super::goals::{self, Goal};
use super::mpi::{Figure, Measured};

const COLOURS: [&str; 8] =
    ["#1b6ca8", "#d1495b", "#2e8b57", "#b8860b", "#6a4c93", "#00838f", "#8d5524", "#546e7a"];
const WIDTH: f64 = 860.0;
const LEFT: f64 = 220.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 70.0;

/// An SVG document of the given height with a title, a line of explanation and a legend.
fn document(height: f64, title: &str, measured: &[Measured], body: &str) -> String {
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"12\" y=\"22\" font-size=\"15\">{title}</text>\n"
    );
    for (index, library) in measured.iter().enumerate() {
        let x = 12.0 + index as f64 * 118.0;
        let (colour, name) = (COLOURS[index % COLOURS.len()], &library.name);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "<circle cx=\"{x}\" cy=\"42\" r=\"4\" fill=\"{colour}\"/><text x=\"{}\" y=\"46\">{name}</text>",
            x + 8.0
        );
    }
    text.push_str(body);
    text.push_str("</svg>\n");
    text
}

/// Nanoseconds added to each call at one rank, one dot per library, with the goal as a bar.
pub fn added(measured: &[Measured]) -> String {
    const ROW: f64 = 24.0;
    const MOST: f64 = 20.0;
    let shown =
        |figure: &&Figure| figure.ranks == 1 && !matches!(goals::of(&figure.name), Some(Goal::Percent(_)));
    let names: Vec<&str> = measured
        .first()
        .map(|library| library.figures.iter().filter(shown).map(|figure| figure.name.as_str()).collect())
        .unwrap_or_default();
    let place = |value: f64| LEFT + (value.clamp(-1.0, MOST) + 1.0) / (MOST + 1.0) * (WIDTH - LEFT - RIGHT);
    let bottom = TOP + names.len() as f64 * ROW;
    let mut body = String::new();
    for tick in (0..=20).step_by(5) {
        let x = place(f64::from(tick));
        let _ = writeln!(
            body,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{tick}</text>",
            bottom + 16.0
        );
    }
    for (row, name) in names.iter().enumerate() {
        let y = TOP + (row as f64 + 0.5) * ROW;
        let _ =
            writeln!(body, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>", LEFT - 10.0, y + 4.0);
        if let Some(Goal::Nanoseconds(goal)) = goals::of(name) {
            let _ = writeln!(
                body,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"#e8f3e8\"/>",
                place(0.0),
                y - ROW / 2.0 + 3.0,
                place(goal) - place(0.0),
                ROW - 6.0
            );
        }
        for (index, library) in measured.iter().enumerate() {
            let Some(figure) = library.figures.iter().find(|figure| figure.name == *name) else { continue };
            let _ = writeln!(
                body,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{}\" fill-opacity=\"0.8\"><title>{}: {:+.1} ns on {:.1}</title></circle>",
                place(figure.added()),
                y + (index as f64 - (measured.len() as f64 - 1.0) / 2.0) * 1.5,
                COLOURS[index % COLOURS.len()],
                library.name,
                figure.added(),
                figure.native.least
            );
        }
    }
    document(bottom + 30.0, "Nanoseconds added to a native call (the green bar is the goal)", measured, &body)
}

/// Bandwidth through `libmpi_abi.so.1` (line) and natively (hollow circle) by size of the message.
pub fn bandwidth(measured: &[Measured]) -> String {
    const HEIGHT: f64 = 320.0;
    let left = 60.0;
    let sized = |library: &Measured| -> Vec<Figure> {
        library.figures.iter().filter(|figure| figure.bytes > 0).cloned().collect()
    };
    let most = measured
        .iter()
        .flat_map(sized)
        .map(|figure| figure.bytes as f64 / figure.native.least.min(figure.ours.least))
        .fold(1.0, f64::max);
    let x = |bytes: u64| left + ((bytes as f64).log2() - 10.0) / 12.0 * (WIDTH - left - RIGHT - 20.0) + 10.0;
    let y = |rate: f64| TOP + (1.0 - rate / most) * HEIGHT;
    let mut body = String::new();
    for step in 0..=4 {
        let rate = most * f64::from(step) / 4.0;
        let _ = writeln!(
            body,
            "<line x1=\"{left}\" y1=\"{0:.1}\" x2=\"{1}\" y2=\"{0:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{2}\" y=\"{3:.1}\" text-anchor=\"end\">{rate:.1}</text>",
            y(rate),
            WIDTH - RIGHT,
            left - 8.0,
            y(rate) + 4.0
        );
    }
    for (index, library) in measured.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let figures = sized(library);
        let points: Vec<String> = figures
            .iter()
            .map(|figure| format!("{:.1},{:.1}", x(figure.bytes), y(figure.bytes as f64 / figure.ours.least)))
            .collect();
        let _ = writeln!(
            body,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            points.join(" ")
        );
        for figure in &figures {
            let _ = writeln!(
                body,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"none\" stroke=\"{colour}\"/>",
                x(figure.bytes),
                y(figure.bytes as f64 / figure.native.least)
            );
        }
    }
    for figure in measured.first().map(sized).unwrap_or_default() {
        let _ = writeln!(
            body,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(figure.bytes),
            TOP + HEIGHT + 18.0,
            figure.name.trim_start_matches("bandwidth ")
        );
    }
    document(
        TOP + HEIGHT + 34.0,
        "Bandwidth in GB/s: circles natively, lines through libmpi_abi.so.1",
        measured,
        &body,
    )
}

#[cfg(test)]
mod tests {
    use super::super::mpi::{Loading, Times};
    use super::*;

    #[test]
    fn every_library_and_call_is_in_the_plots() {
        let times = |least| Times { least, median: least, allocations: 0 };
        let figure = |name: &str, ranks, bytes| Figure {
            name: name.into(),
            ranks,
            bytes,
            turns: 1,
            native: times(100.0),
            ours: times(104.0),
        };
        let measured: Vec<Measured> = ["one", "two"]
            .into_iter()
            .map(|name| Measured {
                name: name.into(),
                figures: vec![figure("Get_count", 1, 0), figure("bandwidth 1 MB", 2, 1 << 20)],
                loading: Loading { first_call: 2.0, linker: 1.0 },
            })
            .collect();
        let added = added(&measured);
        assert_eq!(added.matches("+4.0 ns on 100.0").count(), 2, "{added}");
        assert!(
            added.contains(">one<") && added.contains(">two<") && added.contains(">Get_count<"),
            "{added}"
        );
        let bandwidth = bandwidth(&measured);
        assert_eq!(bandwidth.matches("<polyline").count(), 2, "{bandwidth}");
        assert!(bandwidth.contains(">1 MB<"), "{bandwidth}");
    }
}
