//! HMAC signatures of the four JSON parts.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};

use crate::Envelope;

/// A signature scheme that is not supported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the signature scheme `{scheme}` is not supported; supported are hmac-sha256 (the default), hmac-sha384 and hmac-sha512"
)]
pub struct SchemeError {
    /// The name asked for.
    pub scheme: String,
}

/// Why a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The message has no signature but there is a key.
    #[error("the message is not signed")]
    Unsigned,
    /// The signature does not fit the message and the key.
    #[error("the signature is wrong: another key, or a damaged message")]
    Wrong,
    /// A message with the same signature was accepted before.
    #[error("the message was seen before")]
    Replayed,
}

/// Identifies a signed message in a [`crate::DigestHistory`]: the first half of its (verified) signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub(crate) u128);

/// Signs and verifies. The key schedule is made once; cloning copies it.
#[derive(Clone)]
pub struct Signer {
    keyed: Keyed,
}

#[derive(Clone)]
enum Keyed {
    /// An empty key: messages are neither signed nor verified.
    Off,
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the key.
        formatter.write_str(if self.is_on() { "Signer(on)" } else { "Signer(off)" })
    }
}

fn digest<M: Mac + Clone>(keyed: &M, parts: [&[u8]; 4]) -> M {
    let mut mac = keyed.clone();
    for part in parts {
        mac.update(part);
    }
    mac
}

impl Signer {
    /// A signer for a scheme such as `hmac-sha256`. An empty key turns signing off.
    pub fn new(scheme: &str, key: &[u8]) -> Result<Signer, SchemeError> {
        let unknown = || SchemeError { scheme: scheme.to_string() };
        let keyed = match scheme {
            "hmac-sha256" => Keyed::Sha256(Hmac::new_from_slice(key).map_err(|_| unknown())?),
            "hmac-sha384" => Keyed::Sha384(Hmac::new_from_slice(key).map_err(|_| unknown())?),
            "hmac-sha512" => Keyed::Sha512(Hmac::new_from_slice(key).map_err(|_| unknown())?),
            _ => return Err(unknown()),
        };
        Ok(Signer { keyed: if key.is_empty() { Keyed::Off } else { keyed } })
    }

    /// Whether messages are signed at all.
    pub fn is_on(&self) -> bool {
        !matches!(self.keyed, Keyed::Off)
    }

    /// The signature frame: lowercase hexadecimal, empty when signing is off.
    pub fn sign(&self, parts: [&[u8]; 4]) -> Vec<u8> {
        match &self.keyed {
            Keyed::Off => Vec::new(),
            Keyed::Sha256(keyed) => to_hex(&digest(keyed, parts).finalize().into_bytes()),
            Keyed::Sha384(keyed) => to_hex(&digest(keyed, parts).finalize().into_bytes()),
            Keyed::Sha512(keyed) => to_hex(&digest(keyed, parts).finalize().into_bytes()),
        }
    }

    /// Verify in constant time. `None` when signing is off.
    pub fn verify<F: AsRef<[u8]>>(
        &self,
        envelope: &Envelope<'_, F>,
    ) -> Result<Option<Digest>, SignatureError> {
        if !self.is_on() {
            return Ok(None);
        }
        if envelope.signature.is_empty() {
            return Err(SignatureError::Unsigned);
        }
        let mut room = [0_u8; 64];
        let signature = from_hex(envelope.signature, &mut room).ok_or(SignatureError::Wrong)?;
        let parts = envelope.signed_parts();
        let verified = match &self.keyed {
            Keyed::Off => return Ok(None),
            Keyed::Sha256(keyed) => digest(keyed, parts).verify_slice(signature),
            Keyed::Sha384(keyed) => digest(keyed, parts).verify_slice(signature),
            Keyed::Sha512(keyed) => digest(keyed, parts).verify_slice(signature),
        };
        verified.map_err(|_| SignatureError::Wrong)?;
        let half = signature.first_chunk::<16>().ok_or(SignatureError::Wrong)?;
        Ok(Some(Digest(u128::from_ne_bytes(*half))))
    }
}

fn to_hex(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}

/// Decode lowercase hexadecimal digits; `None` for anything else, so that one signature has one spelling.
fn from_hex<'a>(digits: &[u8], room: &'a mut [u8; 64]) -> Option<&'a [u8]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    for (index, pair) in digits.chunks_exact(2).enumerate() {
        *room.get_mut(index)? = value(pair[0])? << 4 | value(pair[1])?;
    }
    room.get(..digits.len() / 2)
}
