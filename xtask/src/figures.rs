//! Figures of two implementations over several rounds: medians, ranges and ratios, as a table or as JSON.

use std::path::Path;

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde_json::{Map, Value, json};

use crate::bench::Owner;
use crate::failure::{Doing, Outcome};

/// The values of one figure, round by round.
#[derive(Clone, Debug, Default)]
struct Values(Vec<f64>);

impl Values {
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    fn median(&self) -> Option<f64> {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => None,
            length if length % 2 == 1 => Some(sorted[middle]),
            _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
        }
    }

    fn text(&self) -> String {
        let sorted = self.sorted();
        match (self.median(), sorted.first(), sorted.last()) {
            (Some(median), Some(least), Some(most)) => {
                format!("{} ({} to {})", short(median), short(*least), short(*most))
            }
            _ => "none".into(),
        }
    }

    fn json(&self) -> Value {
        json!({ "median": self.median(), "values": self.0 })
    }
}

/// Three or so digits that mean something.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// All figures of one measurement, in the order in which they were first seen. Smaller is better for each.
#[derive(Debug, Default)]
pub struct Figures {
    rows: Vec<(String, Values, Values)>,
    loads: Vec<String>,
}

impl Figures {
    /// Notes how loaded the machine is as a round begins.
    pub fn note_load(&mut self, round: u32) -> Outcome<()> {
        let path = Path::new("/proc/loadavg");
        let text = std::fs::read_to_string(path).doing("read", path)?;
        let load = text.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        eprintln!("load of the machine before round {}: {load}", round + 1);
        self.loads.push(load);
        Ok(())
    }

    /// Adds the figures of one implementation in one round.
    pub fn add(&mut self, owner: Owner, figures: &Map<String, Value>) {
        for (name, value) in figures {
            let Some(value) = value.as_f64() else { continue };
            let row = match self.rows.iter().position(|(row, _, _)| row == name) {
                Some(row) => row,
                None => {
                    self.rows.push((name.clone(), Values::default(), Values::default()));
                    self.rows.len() - 1
                }
            };
            let (_, ours, stock) = &mut self.rows[row];
            match owner {
                Owner::Ours => ours.0.push(value),
                Owner::Stock => stock.0.push(value),
            }
        }
    }

    /// A table with medians, ranges and the ratio of the medians.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header(["median (least to most)", "ours", "stock", "stock / ours"]);
        for (name, ours, stock) in &self.rows {
            let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
            let ratio = ratio(ours, stock).map_or_else(|| "none".into(), |ratio| format!("{ratio:.2}"));
            table.add_row([Cell::new(name), right(ours.text()), right(stock.text()), right(ratio)]);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        format!(
            "{table}\nSmaller is better; a ratio above 1 is in our favour. {cores} cores; load before each round: {}",
            self.loads.join(", ")
        )
    }

    /// The same with every single value.
    pub fn json(&self) -> Value {
        let figures: Vec<Value> = self
            .rows
            .iter()
            .map(|(name, ours, stock)| {
                json!({ "name": name, "ours": ours.json(), "stock": stock.json(), "ratio": ratio(ours, stock) })
            })
            .collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        json!({ "cores": cores, "loads": self.loads, "figures": figures })
    }
}

fn ratio(ours: &Values, stock: &Values) -> Option<f64> {
    let (ours, stock) = (ours.median()?, stock.median()?);
    (ours > 0.0).then(|| stock / ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(values: &[(Owner, f64)]) -> Figures {
        let mut figures = Figures::default();
        for (owner, value) in values {
            let Value::Object(map) = json!({ "latency (ms)": value, "words": "no number" }) else { panic!() };
            figures.add(*owner, &map);
        }
        figures
    }

    #[test]
    fn medians_are_compared() {
        let figures = figures(&[
            (Owner::Ours, 1.0),
            (Owner::Stock, 9.0),
            (Owner::Stock, 3.0),
            (Owner::Ours, 100.0),
            (Owner::Ours, 2.0),
            (Owner::Stock, 4.0),
        ]);
        let json = figures.json();
        assert_eq!(json["figures"][0]["ours"]["median"], 2.0);
        assert_eq!(json["figures"][0]["stock"]["median"], 4.0);
        assert_eq!(json["figures"][0]["ratio"], 2.0);
        assert_eq!(json["figures"].as_array().unwrap().len(), 1);
        let table = figures.table();
        assert!(table.contains("2.00 (1.00 to 100)") && table.contains("latency (ms)"), "{table}");
    }

    #[test]
    fn an_even_number_of_rounds_has_a_median_between() {
        assert_eq!(Values(vec![4.0, 1.0, 3.0, 2.0]).median(), Some(2.5));
    }

    #[test]
    fn a_figure_of_one_side_only_has_no_ratio() {
        let json = figures(&[(Owner::Ours, 1.0)]).json();
        assert!(json["figures"][0]["ratio"].is_null());
        assert!(figures(&[(Owner::Ours, 1.0)]).table().contains("none"));
    }
}
