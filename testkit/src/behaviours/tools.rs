//! The tool information interface (MPI-5.0, chapter 15), also where a library has little of it.

use anympi::abi::*;

use crate::Context;

pub fn what_is_absent_counts_zero(context: &Context<'_>) -> Result<(), String> {
    let mut provided = -1;
    // Open MPI 4 takes a lower level for one of all MPI from then on.
    call!(context, MPI_T_init_thread(MPI_THREAD_MULTIPLE, &mut provided));
    let (mut variables, mut events, mut sources) = (-1, -1, -1);
    call!(context, MPI_T_cvar_get_num(&mut variables));
    call!(context, MPI_T_event_get_num(&mut events));
    call!(context, MPI_T_source_get_num(&mut sources));
    expect!(variables >= 0 && events >= 0 && sources >= 0, true, "numbers {variables}, {events}, {sources}");
    let mut categories = -1;
    call!(context, MPI_T_category_get_num(&mut categories));
    for category in 0..categories.min(3) {
        let mut number = -1;
        call!(context, MPI_T_category_get_num_events(category, &mut number));
        expect!(number >= 0, true, "events of category {category}: {number}");
    }
    call!(context, MPI_T_finalize());
    Ok(())
}
