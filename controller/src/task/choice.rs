//! How an engine is chosen among those that have room.

use std::str::FromStr;

/// The scheme of `--scheme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The engine with the fewest tasks; among equals the one used least recently.
    LeastLoad,
    /// The engine used least recently.
    LeastRecentlyUsed,
    /// Any.
    PlainRandom,
    /// The less loaded of two, each picked with a probability that falls with its load.
    Weighted,
    /// The less recently used of two random ones.
    TwoBin,
}

impl Scheme {
    /// The names in connection files and on command lines.
    pub const NAMES: [(&'static str, Scheme); 5] = [
        ("leastload", Scheme::LeastLoad),
        ("lru", Scheme::LeastRecentlyUsed),
        ("plainrandom", Scheme::PlainRandom),
        ("weighted", Scheme::Weighted),
        ("twobin", Scheme::TwoBin),
    ];

    /// The scheme's name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, scheme)| *scheme == self).map_or("", |(name, _)| name)
    }
}

impl FromStr for Scheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Scheme, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, scheme)| *scheme).ok_or_else(|| {
            let names: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            format!("`{text}` is no scheme of this scheduler: use {}", names.join(", "))
        })
    }
}

/// How busy an engine is, and when it was used: a smaller stamp is longer ago.
pub type Place = (usize, i64);

/// Numbers that are random enough to spread work.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// With this seed.
    pub fn new(seed: u64) -> Random {
        Random(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Choose one of the candidates; `None` only when there is none.
pub fn choose(scheme: Scheme, candidates: &[Place], random: &mut Random) -> Option<Place> {
    match scheme {
        Scheme::LeastLoad => candidates.iter().min().copied(),
        Scheme::LeastRecentlyUsed => candidates.iter().min_by_key(|(_, stamp)| *stamp).copied(),
        Scheme::PlainRandom => candidates.get(random.below(candidates.len())).copied(),
        Scheme::TwoBin => {
            let one = candidates.get(random.below(candidates.len()))?;
            let two = candidates.get(random.below(candidates.len()))?;
            Some(if one.1 <= two.1 { *one } else { *two })
        }
        Scheme::Weighted => {
            let weight = |place: &Place| 1.0 / (1e-6 + place.0 as f64);
            let sum: f64 = candidates.iter().map(weight).sum();
            let mut pick = || {
                let mut left = random.fraction() * sum;
                let found = candidates.iter().find(|place| {
                    left -= weight(place);
                    left <= 0.0
                });
                found.or(candidates.last()).copied()
            };
            Some(pick()?.min(pick()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_chooses_as_it_says() {
        let mut random = Random::new(3);
        let places = [(2, -5), (0, 7), (1, 1), (0, 9)];
        assert_eq!(choose(Scheme::LeastLoad, &places, &mut random), Some((0, 7)));
        assert_eq!(choose(Scheme::LeastRecentlyUsed, &places, &mut random), Some((2, -5)));
        for scheme in Scheme::NAMES.map(|(_, scheme)| scheme) {
            assert_eq!(choose(scheme, &[], &mut random), None);
            assert_eq!(choose(scheme, &places[..1], &mut random), Some(places[0]));
            assert_eq!(scheme.name().parse(), Ok(scheme));
        }
        let mut counts = |scheme| {
            let mut counts = [0; 4];
            for _ in 0..4000 {
                let chosen = choose(scheme, &places, &mut random).unwrap();
                counts[places.iter().position(|it| *it == chosen).unwrap()] += 1;
            }
            counts
        };
        assert!(counts(Scheme::PlainRandom).iter().all(|count| (850..1150).contains(count)));
        let twobin = counts(Scheme::TwoBin);
        assert!(twobin[0] > twobin[2] && twobin[2] > twobin[1] && twobin[1] > twobin[3]);
        let weighted = counts(Scheme::Weighted);
        assert!(weighted[0] + weighted[2] < 20, "loaded engines are avoided: {weighted:?}");
        assert!("pure".parse::<Scheme>().unwrap_err().contains("leastload"));
    }
}
