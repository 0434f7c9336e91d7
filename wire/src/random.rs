//! Random identities and keys.

use std::fs::File;
use std::io::Read;

/// 16 random bytes as 32 hexadecimal digits with a dash after the eighth: a session, an engine's uuid, or a key.
///
/// The bytes come from the system's generator, because keys are made of them.
pub fn random_id() -> std::io::Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (head, tail) = digits.split_at(8);
    Ok(format!("{head}-{tail}"))
}
