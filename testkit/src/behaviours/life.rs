//! MPI comes up once, says what it is and keeps time (MPI-5.0, chapters 9 and 11).

use anympi::abi::{MPI_THREAD_MULTIPLE, MPI_THREAD_SINGLE};
use anympi::{MpiError, ProcessArguments, State, ThreadLevel};

use crate::Context;

pub fn state_is_running(context: &Context<'_>) -> Result<(), String> {
    expect!(context.mpi.state(), State::Running, "state");
    Ok(())
}

pub fn thread_level_is_kept(context: &Context<'_>) -> Result<(), String> {
    let mut provided = -1;
    call!(context, MPI_Query_thread(&mut provided));
    if !(MPI_THREAD_SINGLE..=MPI_THREAD_MULTIPLE).contains(&provided) || provided % 1024 != 0 {
        return Err(format!("MPI_Query_thread gave {provided}, which is no level of the standard ABI"));
    }
    let mut flag = 0;
    call!(context, MPI_Is_thread_main(&mut flag));
    expect!(flag, 1, "the main thread is the main thread");
    Ok(())
}

pub fn init_twice_is_refused(context: &Context<'_>) -> Result<(), String> {
    let again = context.mpi.init(&mut ProcessArguments::of_this_process(), ThreadLevel::Single);
    expect!(again, Err(MpiError::AlreadyUp(State::Running)), "a second init");
    Ok(())
}

pub fn versions_are_told(context: &Context<'_>) -> Result<(), String> {
    let info = context.mpi.info();
    if info.version.is_empty() || info.release.is_none() || info.standard < (3, 1) {
        return Err(format!(
            "version {:?}, release {:?}, standard {:?}",
            info.version, info.release, info.standard
        ));
    }
    Ok(())
}

pub fn processor_has_a_name(context: &Context<'_>) -> Result<(), String> {
    let name = context.mpi.processor_name().map_err(|error| error.to_string())?;
    if name.is_empty() { Err("MPI_Get_processor_name gave an empty name".to_owned()) } else { Ok(()) }
}

pub fn clock_advances(context: &Context<'_>) -> Result<(), String> {
    // SAFETY: MPI is running.
    let (first, tick) = unsafe { ((context.table.MPI_Wtime)(), (context.table.MPI_Wtick)()) };
    std::thread::sleep(std::time::Duration::from_millis(2));
    // SAFETY: as above.
    let passed = unsafe { (context.table.MPI_Wtime)() } - first;
    if !((0.001..60.0).contains(&passed) && tick > 0.0 && tick < 1.0) {
        return Err(format!("2 ms took {passed} s by MPI_Wtime, with a tick of {tick} s"));
    }
    Ok(())
}
