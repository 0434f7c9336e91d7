//! The MPI that a plugin brings, as the framework's [`MpiInit`].

use core::ffi::{CStr, c_char, c_int, c_void};
use std::collections::HashMap;
use std::ffi::CString;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anympi_core::abi::{MPI_ERR_OTHER, MPI_THREAD_SINGLE};
use anympi_core::{
    Candidate, FUNCTIONS, Family, FnTable, Hooks, LibraryInfo, MpiError, MpiInit, OpenError,
    ProcessArguments, Registry, State, ThreadLevel, Visibility,
};
use anympi_plugin_api::*;

use crate::error::{Fault, PluginError};
use crate::exceptions::Unwinding;
use crate::hooks::PluginHooks;
use crate::loaded::{Loaded, empty_error, outcome};
use crate::memory::Memory;
use crate::offer::{Source, c_text, offer};
use crate::stage::{Guard, Stage};

/// What a plugin without a library needs at least.
const NEEDED: &[&str] = &[
    "MPI_Initialized",
    "MPI_Finalized",
    "MPI_Get_version",
    "MPI_Get_library_version",
    "MPI_Comm_rank",
    "MPI_Comm_size",
    "MPI_Abort",
];

/// The one plugin of this process: its functions that stand in for MPI's own have no other way to it.
static THE_PLUGIN: OnceLock<PluginLibrary> = OnceLock::new();

/// The MPI that a plugin brings.
pub struct PluginLibrary {
    loaded: Loaded,
    info: LibraryInfo,
    /// The functions, as the library and the plugin have them.
    functions: FnTable,
    /// The same, but bringing MPI up and down is done by the plugin.
    table: FnTable,
    hooks: PluginHooks,
    /// The library beneath, if there is one.
    beneath: Option<&'static dyn MpiInit>,
    has_own_functions: bool,
    ours: AtomicBool,
}

/// A handle to [`THE_PLUGIN`].
pub struct ThePlugin(&'static PluginLibrary);

/// The structure that a plugin gets of the MPI that it wraps, with what its function needs behind it.
#[repr(C)]
struct Wrapped {
    outside: anympi_wrapped,
    slots: &'static [*const c_void],
}

/// The place of each function in the table.
fn places() -> &'static HashMap<&'static str, usize> {
    static PLACES: OnceLock<HashMap<&'static str, usize>> = OnceLock::new();
    PLACES.get_or_init(|| FUNCTIONS.iter().enumerate().map(|(place, &name)| (name, place)).collect())
}

unsafe extern "C" fn wrapped_symbol(wrapped: *const anympi_wrapped, name: *const c_char) -> anympi_function {
    if wrapped.is_null() || name.is_null() {
        return None;
    }
    // SAFETY: the plugin hands back what it was given, and a C string.
    let (wrapped, name) = unsafe { (&*wrapped.cast::<Wrapped>(), CStr::from_ptr(name)) };
    let slot = wrapped.slots[*places().get(name.to_str().ok()?)?];
    // SAFETY: a function; the caller knows its type by its name.
    Some(unsafe { core::mem::transmute::<*const c_void, unsafe extern "C" fn()>(slot) })
}

fn family_number(family: Family) -> i32 {
    match family {
        Family::OpenMpi => ANYMPI_FAMILY_OPENMPI,
        Family::Mpich => ANYMPI_FAMILY_MPICH,
        Family::Abi => ANYMPI_FAMILY_STANDARD,
    }
}

/// Loads the plugin of a candidate into this process, with the library that it brings.
pub fn open(
    registry: &Registry,
    candidate: &Candidate,
    argument: &str,
    path: &std::path::Path,
    visibility: Visibility,
) -> Result<ThePlugin, OpenError> {
    let refuse = |fault| OpenError::Plugin(Box::new(PluginError::new(path, fault)));
    if let Some(first) = THE_PLUGIN.get() {
        let reason = format!("this process has loaded the plugin {} already", first.loaded.path.display());
        return Err(refuse(Fault::Load(reason)));
    }
    let _guard = Guard::of(path);
    // The plugin comes first: once the library is there, the plugin's references could be bound to it instead of to what
    // the plugin was linked to.
    let loaded = Loaded::load(path, visibility).map_err(refuse)?;
    let offer = offer(&loaded, argument).map_err(refuse)?;
    let beneath = match offer.source {
        Source::Own => None,
        _ => {
            let family = candidate.image.family;
            let backend = registry
                .backend_of(family)
                .ok_or_else(|| OpenError::UnknownBackend(candidate.backend.to_owned()))?;
            let library = backend.open(&candidate.image, visibility)?;
            Some(&*Box::leak(library))
        }
    };
    let wrapped = matches!(offer.source, Source::Wraps(_)).then_some(beneath).flatten();
    prepare(&loaded, argument, candidate, wrapped).map_err(refuse)?;
    let (functions, has_own_functions) = compose(&loaded, beneath.map(MpiInit::table)).map_err(refuse)?;
    let backend: &'static str = String::leak(loaded.name.clone());
    let hooks = PluginHooks::of(&loaded).map_err(refuse)?;
    Stage::Asked.enter();
    let mut library = PluginLibrary {
        info: LibraryInfo::of(backend, candidate.image.clone(), &functions),
        table: functions.clone(),
        functions,
        hooks,
        beneath,
        has_own_functions,
        ours: AtomicBool::new(false),
        loaded,
    };
    if library.state() != State::Untouched {
        return Err(refuse(Fault::CalledMpi("open".to_owned())));
    }
    library.table.MPI_Init = init;
    library.table.MPI_Init_thread = init_thread;
    library.table.MPI_Finalize = finalize;
    Ok(ThePlugin(THE_PLUGIN.get_or_init(|| library)))
}

/// Calls `open`.
fn prepare(
    loaded: &Loaded,
    argument: &str,
    candidate: &Candidate,
    wrapped: Option<&'static dyn MpiInit>,
) -> Result<(), Fault> {
    let Some(open) = loaded.backend.open.map(Unwinding::unwinding) else { return Ok(()) };
    let for_ever = |text: CString| -> *const c_char { CString::into_raw(text).cast_const() };
    let wrapped = wrapped.map_or(core::ptr::null(), |mpi| {
        let image = &candidate.image;
        let selection = format!("{}:{}", candidate.backend, image.path.display());
        let wrapped = Wrapped {
            outside: anympi_wrapped {
                size: size_field::<anympi_wrapped>(),
                family: family_number(image.family),
                selection: for_ever(c_text(&selection)),
                library: for_ever(c_text(&image.path.to_string_lossy())),
                symbol: Some(wrapped_symbol),
            },
            slots: mpi.table().slots(),
        };
        Box::into_raw(Box::new(wrapped)).cast_const().cast()
    });
    let argument = c_text(argument);
    let request = anympi_request {
        size: size_field::<anympi_request>(),
        reserved: 0,
        argument: argument.as_ptr(),
        wrapped,
    };
    let mut error = empty_error();
    // SAFETY: both live until the function returns, what is wrapped for ever.
    let code = Stage::Open.call(|| unsafe { open(&raw const request, &raw mut error) })?;
    outcome("open", code, &error)
}

/// The table: the plugin's own functions, and those beneath where it has none. And whether it has any.
fn compose(loaded: &Loaded, beneath: Option<&FnTable>) -> Result<(FnTable, bool), Fault> {
    let mut functions: Vec<*const c_void> = match beneath {
        Some(table) => table.slots().to_vec(),
        None => vec![core::ptr::null(); FUNCTIONS.len()],
    };
    let mut own = Vec::new();
    for (place, name) in FUNCTIONS.iter().enumerate() {
        let function = loaded.own_function(&c_text(name))?;
        if !function.is_null() {
            functions[place] = function;
            own.push((*name, function));
        }
    }
    let memory = Memory::now();
    for (name, function) in &own {
        memory.function(function.addr(), &format!("its {name}"))?;
    }
    if beneath.is_none() {
        let up = loaded.backend.bring_up.is_none().then_some("MPI_Init_thread");
        let down = loaded.backend.take_down.is_none().then_some("MPI_Finalize");
        let missing = NEEDED.iter().copied().chain(up).chain(down);
        if let Some(name) = missing.into_iter().find(|name| functions[places()[name]].is_null()) {
            return Err(Fault::Lacks(format!("{name}, which a plugin without a library needs")));
        }
    }
    // SAFETY: functions of these names in the standard ABI: those beneath come from such a table, and the interface says
    // it of the plugin's.
    let table = unsafe {
        FnTable::direct(&mut |name| {
            name.to_str()
                .ok()
                .and_then(|name| places().get(name))
                .map_or(core::ptr::null(), |&at| functions[at])
        })
    };
    Ok((table, !own.is_empty()))
}

impl PluginLibrary {
    fn error(&self, fault: Fault) -> MpiError {
        MpiError::Plugin(PluginError::new(&self.loaded.path, fault).to_string())
    }

    fn state(&self) -> State {
        let (mut initialized, mut finalized) = (0, 0);
        // SAFETY: both are legal in every state and write one int.
        unsafe {
            (self.functions.MPI_Initialized)(&raw mut initialized);
            (self.functions.MPI_Finalized)(&raw mut finalized);
        }
        match (initialized != 0, finalized != 0) {
            (_, true) => State::Finalized,
            (true, false) => State::Running,
            (false, false) => State::Untouched,
        }
    }

    /// Brings MPI up, which nobody has done yet.
    ///
    /// # Safety
    /// `argc` and `argv` are what `MPI_Init_thread` wants.
    unsafe fn bring_up(
        &self,
        argc: *mut c_int,
        argv: *mut *mut *mut c_char,
        wanted: c_int,
    ) -> Result<c_int, MpiError> {
        // What a library does by itself is not the plugin's fault.
        let _guard = (self.loaded.backend.bring_up.is_some() || self.has_own_functions)
            .then(|| Guard::of(&self.loaded.path));
        let mut granted = MPI_THREAD_SINGLE;
        if let Some(bring_up) = self.loaded.backend.bring_up.map(Unwinding::unwinding) {
            let mut error = empty_error();
            Stage::BringUp
                // SAFETY: the caller's arguments; the others live until the function returns.
                .call(|| unsafe { bring_up(argc, argv, wanted, &raw mut granted, &raw mut error) })
                .and_then(|code| outcome("bring_up", code, &error))
                .map_err(|fault| self.error(fault))?;
        } else {
            Stage::Asked.enter();
            // SAFETY: as above.
            let code = unsafe { (self.functions.MPI_Init_thread)(argc, argv, wanted, &raw mut granted) };
            if code != 0 {
                let message = format!("error code {code}");
                return Err(MpiError::Library { call: "MPI_Init_thread", code, message });
            }
        }
        Stage::Asked.enter();
        self.ours.store(true, Ordering::Release);
        self.check_up(granted).map_err(|fault| self.error(fault))?;
        // The plugin may have called the library itself, past the table that is in front of it here.
        if let Some(beneath) = self.beneath {
            beneath.came_up();
        }
        Ok(granted)
    }

    /// Whether what came up can be an MPI.
    fn check_up(&self, granted: c_int) -> Result<(), Fault> {
        if self.state() != State::Running {
            return Err(Fault::NotSo { said: "up".to_owned() });
        }
        let levels =
            [ThreadLevel::Single, ThreadLevel::Funneled, ThreadLevel::Serialized, ThreadLevel::Multiple];
        if !levels.iter().any(|level| level.value() == granted) {
            return Err(Fault::Nonsense(format!("it grants the thread level {granted}")));
        }
        let (mut rank, mut size) = (-1, -1);
        // SAFETY: MPI is up, and each writes one int.
        let codes = unsafe {
            let world = anympi_core::abi::MPI_COMM_WORLD;
            [
                (self.functions.MPI_Comm_rank)(world, &raw mut rank),
                (self.functions.MPI_Comm_size)(world, &raw mut size),
            ]
        };
        if codes != [0, 0] || size < 1 || !(0..size).contains(&rank) {
            return Err(Fault::Nonsense(format!("rank {rank} of {size} in MPI_COMM_WORLD")));
        }
        Ok(())
    }

    fn take_down(&self) -> Result<(), MpiError> {
        if !self.ours.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let _guard = Guard::of(&self.loaded.path);
        self.hooks.before_shutdown();
        if self.state() == State::Running {
            if let Some(take_down) = self.loaded.backend.take_down.map(Unwinding::unwinding) {
                let mut error = empty_error();
                Stage::TakeDown
                    // SAFETY: lives until the function returns.
                    .call(|| unsafe { take_down(&raw mut error) })
                    .and_then(|code| outcome("take_down", code, &error))
                    .map_err(|fault| self.error(fault))?;
            } else {
                // SAFETY: MPI is up.
                let code = unsafe { (self.functions.MPI_Finalize)() };
                if code != 0 {
                    let message = format!("error code {code}");
                    return Err(MpiError::Library { call: "MPI_Finalize", code, message });
                }
            }
            Stage::Asked.enter();
            if self.state() != State::Finalized {
                return Err(self.error(Fault::NotSo { said: "down".to_owned() }));
            }
        }
        self.hooks.after_shutdown();
        Ok(())
    }
}

impl MpiInit for ThePlugin {
    fn info(&self) -> &LibraryInfo {
        &self.0.info
    }

    fn init(&self, arguments: &mut ProcessArguments, wanted: ThreadLevel) -> Result<ThreadLevel, MpiError> {
        match self.state() {
            State::Untouched => {}
            state => return Err(MpiError::AlreadyUp(state)),
        }
        let (count, pointers) = arguments.as_main_has_them();
        // SAFETY: arguments of a C main that live for ever.
        let granted = unsafe { self.0.bring_up(count, pointers, wanted.value()) }?;
        Ok(ThreadLevel::from_value(granted))
    }

    fn state(&self) -> State {
        self.0.state()
    }

    fn table(&self) -> &'static FnTable {
        &self.0.table
    }

    fn finalize(&self) -> Result<(), MpiError> {
        self.0.take_down()
    }

    fn hooks(&self) -> Option<&dyn Hooks> {
        Some(&self.0.hooks)
    }
}

unsafe extern "C" fn init(argc: *mut c_int, argv: *mut *mut *mut c_char) -> c_int {
    let mut provided = 0;
    // SAFETY: the caller's arguments.
    unsafe { init_thread(argc, argv, MPI_THREAD_SINGLE, &raw mut provided) }
}

unsafe extern "C" fn init_thread(
    argc: *mut c_int,
    argv: *mut *mut *mut c_char,
    wanted: c_int,
    provided: *mut c_int,
) -> c_int {
    let Some(plugin) = THE_PLUGIN.get() else { return MPI_ERR_OTHER };
    if plugin.state() != State::Untouched {
        // SAFETY: the caller's arguments; MPI says itself what is wrong with this call.
        return unsafe { (plugin.functions.MPI_Init_thread)(argc, argv, wanted, provided) };
    }
    // The program gave none: a plugin is promised some.
    let mut none = ProcessArguments::of_this_process();
    let (count, pointers): (*mut c_int, *mut *mut *mut c_char) = {
        let (count, pointers) = none.as_main_has_them();
        (count, pointers)
    };
    let (argc, argv) = if argc.is_null() || argv.is_null() { (count, pointers) } else { (argc, argv) };
    // SAFETY: the caller's arguments, or those of the process.
    match unsafe { plugin.bring_up(argc, argv, wanted) } {
        Ok(granted) => {
            if !provided.is_null() {
                // SAFETY: the caller's variable.
                unsafe { *provided = granted };
            }
            0
        }
        Err(error) => {
            tracing::error!("{error}");
            MPI_ERR_OTHER
        }
    }
}

unsafe extern "C" fn finalize() -> c_int {
    let Some(plugin) = THE_PLUGIN.get() else { return MPI_ERR_OTHER };
    if !plugin.ours.load(Ordering::Acquire) {
        // SAFETY: MPI says itself what is wrong with this call, if anything is.
        return unsafe { (plugin.functions.MPI_Finalize)() };
    }
    match plugin.take_down() {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!("{error}");
            MPI_ERR_OTHER
        }
    }
}
