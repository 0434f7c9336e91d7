//! Moments in time as messages write them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in microseconds since 1970, UTC. Written as `2026-11-22T07:55:58.343177Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i64);

impl Date {
    /// Now.
    pub fn now() -> Date {
        Date(Timestamp::now().as_microsecond())
    }

    /// Microseconds since 1970.
    pub fn microseconds(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(formatter, "{timestamp:.6}"),
            Err(_) => Err(fmt::Error),
        }
    }
}

/// A text that is no ISO 8601 date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no date of the form 2026-11-22T07:55:58.343177Z")]
pub struct DateError {
    text: String,
}

impl FromStr for Date {
    type Err = DateError;

    /// ISO 8601 with `Z`, an offset such as `+00:00`, or neither (then UTC).
    fn from_str(text: &str) -> Result<Date, DateError> {
        let error = || DateError { text: text.chars().take(60).collect() };
        // A date needs at least YYYY-MM-DDTHH:MM:SS; that keeps years and the like from being read as dates.
        if text.len() < 19 || text.as_bytes().get(10) != Some(&b'T') {
            return Err(error());
        }
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Ok(Date(timestamp.as_microsecond()));
        }
        let civil: jiff::civil::DateTime = text.parse().map_err(|_| error())?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| error())?;
        Ok(Date(zoned.timestamp().as_microsecond()))
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
