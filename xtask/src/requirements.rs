//! The pinned versions of `requirements.txt`, compiled in, so that the stamp of an installed part is the text it came from.

use crate::failure::{Failure, Outcome};

/// The file itself.
const TEXT: &str = include_str!("../requirements.txt");

/// One line `name==version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The package's name on PyPI.
    pub name: &'static str,
    /// The one version that is installed.
    pub version: &'static str,
}

impl Requirement {
    /// The line as pip wants it.
    pub fn line(&self) -> String {
        format!("{}=={}", self.name, self.version)
    }
}

/// Every pinned package in the order of the file.
pub fn all() -> Outcome<Vec<Requirement>> {
    parse(TEXT)
}

/// The pin of one package, which must be in the file.
pub fn of(name: &str) -> Outcome<Requirement> {
    all()?
        .into_iter()
        .find(|requirement| requirement.name == name)
        .ok_or_else(|| Failure::new(format!("xtask/requirements.txt pins no version of `{name}`")))
}

fn parse(text: &'static str) -> Outcome<Vec<Requirement>> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| match line.split_once("==") {
            Some((name, version)) if !name.is_empty() && !version.is_empty() => {
                Ok(Requirement { name, version })
            }
            _ => Err(Failure::new(format!("xtask/requirements.txt: `{line}` is not `name==version`"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_pins_every_package_once() {
        let all = all().unwrap();
        let mut names: Vec<String> = all.iter().map(|requirement| requirement.name.to_lowercase()).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(count > 10);
    }

    #[test]
    fn a_line_without_a_version_is_refused() {
        let error = parse("# comment\nnumpy\n").unwrap_err();
        assert!(error.to_string().contains("`numpy` is not `name==version`"), "{error}");
    }

    #[test]
    fn comments_and_blank_lines_are_left_out() {
        assert_eq!(parse("# a\n\n  one==1.2 \n").unwrap(), [Requirement { name: "one", version: "1.2" }]);
    }

    #[test]
    fn an_unpinned_package_is_named() {
        assert!(of("no-such-package").unwrap_err().to_string().contains("no-such-package"));
    }
}
