//! Words and variables that a plugin wants its launcher to have.

use core::ffi::{CStr, c_char, c_void};
use std::path::Path;

use anympi_core::{PluginFile, Visibility};
use anympi_plugin_api::*;
use serde::{Deserialize, Serialize};

use crate::error::{Fault, PluginError};
use crate::exceptions::Unwinding;
use crate::isolation::isolated;
use crate::loaded::{Loaded, empty_error, outcome};
use crate::offer::c_text;
use crate::stage::Stage;
use crate::variables;

/// What a plugin adds to a launch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Additions {
    /// Words for the launcher's command line, before the program.
    pub words: Vec<String>,
    /// Variables for the launcher and every rank.
    pub variables: Vec<(String, String)>,
}

/// Asks a plugin, in a process of its own, what it adds to a launch of so many ranks. `kind` is `openmpi`, `mpich`,
/// `intel` or `other`.
///
/// # Errors
/// Why the plugin refuses, or what is wrong with it.
pub fn launch_additions(
    plugin: &PluginFile,
    launcher: &Path,
    kind: &str,
    ranks: u32,
) -> Result<Additions, PluginError> {
    let tried = isolated(variables::timeout(), || -> Result<Additions, Fault> {
        let loaded = Loaded::load(&plugin.path, Visibility::Local)?;
        additions(&loaded, &plugin.argument, launcher, kind, ranks)
    });
    tried.and_then(|tried| tried.result).map_err(|fault| PluginError::new(&plugin.path, fault))
}

pub(crate) fn additions(
    loaded: &Loaded,
    argument: &str,
    launcher: &Path,
    kind: &str,
    ranks: u32,
) -> Result<Additions, Fault> {
    let mut additions = Additions::default();
    let Some(part) = loaded.part::<anympi_launching>(ANYMPI_PLUGIN_LAUNCHING)? else { return Ok(additions) };
    let Some(prepare) = part.prepare else { return Err(Fault::Lacks("anympi_launching.prepare".to_owned())) };
    let (argument, launcher, kind) = (c_text(argument), c_text(&launcher.to_string_lossy()), c_text(kind));
    let request = anympi_request {
        size: size_field::<anympi_request>(),
        reserved: 0,
        argument: argument.as_ptr(),
        wrapped: core::ptr::null(),
    };
    let launch = anympi_launch {
        size: size_field::<anympi_launch>(),
        ranks,
        launcher: launcher.as_ptr(),
        kind: kind.as_ptr(),
        data: (&raw mut additions).cast(),
        word: Some(add_word),
        variable: Some(add_variable),
    };
    let mut error = empty_error();
    let prepare = prepare.unwinding();
    // SAFETY: all three live until the function returns.
    let code =
        Stage::Prepare.call(|| unsafe { prepare(&raw const request, &raw const launch, &raw mut error) })?;
    outcome("prepare", code, &error)?;
    Ok(additions)
}

/// # Safety
/// `launch` is the one made above, and the text is a C string.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

fn data(launch: *const anympi_launch) -> *mut c_void {
    // SAFETY: the plugin hands back what it was given.
    if launch.is_null() { core::ptr::null_mut() } else { unsafe { (*launch).data } }
}

unsafe extern "C" fn add_word(launch: *const anympi_launch, word: *const c_char) {
    // SAFETY: the data is that of `additions`, which waits for this plugin to return.
    if let Some(additions) = unsafe { data(launch).cast::<Additions>().as_mut() } {
        // SAFETY: the interface says that it is a C string.
        additions.words.push(unsafe { text(word) });
    }
}

unsafe extern "C" fn add_variable(launch: *const anympi_launch, name: *const c_char, value: *const c_char) {
    // SAFETY: as in `add_word`.
    if let Some(additions) = unsafe { data(launch).cast::<Additions>().as_mut() } {
        // SAFETY: the interface says that they are C strings.
        additions.variables.push(unsafe { (text(name), text(value)) });
    }
}
