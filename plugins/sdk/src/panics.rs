//! A panic of the plugin becomes an error, which says what and where; nothing is printed.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether a function of the plugin runs for the host on this thread.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// The last panic in such a function.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics within [`caught`] are noted, all others go on as they did.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !INSIDE.get() {
                return before(panic);
            }
            let payload = panic.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(|text| &**text));
            let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
            SAID.set(format!("it panicked{place}: {}", text.unwrap_or("no message")));
        }));
    });
}

/// Runs `work`; a panic is a sentence.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    note_panics();
    let outside = INSIDE.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    INSIDE.set(outside);
    result.map_err(|_| SAID.take())
}
