//! Functions of MPI that a plugin has of its own.

use core::ffi::c_void;
use std::collections::HashMap;
use std::sync::OnceLock;

use anympi_core::{FUNCTIONS, FnTable};
use anympi_plugin_api::anympi_function;

use crate::Plugin;
use crate::entry::caught;
use crate::parts::logged;
use crate::trace;

/// What the plugin puts into a table that has nothing.
fn replaced() -> HashMap<&'static str, anympi_function> {
    // SAFETY: no function, so none that could be of the wrong type.
    let nothing = unsafe { FnTable::direct(&mut |_| core::ptr::null()) };
    let mut table = nothing.clone();
    if !logged("replace", |plugin| Plugin::replace(plugin, &mut table)) {
        return HashMap::new();
    }
    let slots = nothing.slots().iter().zip(table.slots());
    let changed = FUNCTIONS.iter().zip(slots).filter(|(_, (before, after))| before != after);
    changed
        .map(|(name, (_, &after))| {
            // SAFETY: a slot holds a function; whoever calls it knows its type by its name.
            let function = unsafe { core::mem::transmute::<*const c_void, unsafe extern "C" fn()>(after) };
            (*name, Some(function))
        })
        .collect()
}

/// The plugin's own function of that name; the one that tells it of the call, if it wants to know.
pub fn function(name: &str) -> anympi_function {
    static REPLACED: OnceLock<HashMap<&'static str, anympi_function>> = OnceLock::new();
    let own = REPLACED.get_or_init(replaced).get(name).copied().flatten();
    let traces = || caught(|plugin| Ok(plugin.traces())).unwrap_or(false);
    own.or_else(|| if traces() { trace::function(name) } else { None })
}
