//! What of the suite does not work natively on a library, in another test each time, so that neither a failure nor a success
//! there proves anything.

use super::record::is_of;

/// Classes of tests that are left out on both sides from a number of ranks on.
pub struct LeftOut {
    /// What tables call the library.
    library: &'static str,
    /// From how many ranks on.
    ranks: usize,
    /// With their modules.
    pub classes: &'static [&'static str],
    /// What goes wrong natively.
    pub reason: &'static str,
}

const LEFT_OUT: [LeftOut; 1] = [LeftOut {
    library: "mpich4",
    ranks: 2,
    classes: &[
        "test_util_sync.TestConditionMutexWorld",
        "test_util_sync.TestConditionWorld",
        "test_util_sync.TestMutexBasicWorld",
        "test_util_sync.TestMutexRecursiveWorld",
        "test_util_sync.TestSemaphoreWorld",
    ],
    reason: "mpi4py's mutex, made of MPI_Compare_and_swap and MPI_Accumulate, does not exclude: natively a rank gets `cannot release \
             unheld mutex` in one test or another, and its peer waits for ever.",
}];

/// What is left out on a library with that many ranks.
pub fn left_out(library: &str, ranks: usize) -> impl Iterator<Item = &'static LeftOut> {
    LEFT_OUT.iter().filter(move |entry| entry.library == library && ranks >= entry.ranks)
}

/// Modules whose tests hang natively now and then, so that a hang there proves nothing: the test is run again, at most
/// [`MOST_REPEATS`] times in a run. What it does otherwise counts at once.
const HANGING: [(&str, &str); 2] = [
    // MPI_Comm_spawn and MPI_Comm_spawn_multiple of Open MPI 4.1 wait for the new processes for ever once in some thirty
    // calls, in a different test each time, with mpi4py's wheel as with ours.
    ("openmpi4", "test_spawn"),
    ("openmpi4", "test_util_pool"),
];

/// How many hangs are forgiven.
pub const MOST_REPEATS: usize = 10;

/// Whether a test may hang on a library, as it does natively.
pub fn may_hang(library: &str, id: &str) -> bool {
    HANGING.iter().any(|(hanging, module)| *hanging == library && is_of(id, Some(module)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_not_work_natively_is_left_out() {
        let classes = |library, ranks| left_out(library, ranks).flat_map(|entry| entry.classes).count();
        assert_eq!(classes("mpich4", 1), 0);
        assert_eq!(classes("mpich4", 3), 5);
        assert_eq!(classes("mpich5", 2), 0);
    }

    #[test]
    fn only_what_hangs_natively_may_hang() {
        assert!(may_hang("openmpi4", "test_spawn.TestSpawnSingleSelf.testNoArgs"));
        assert!(!may_hang("openmpi4", "test_rma.TestRMASelf.testPutGet"));
        assert!(!may_hang("openmpi5", "test_spawn.TestSpawnSingleSelf.testNoArgs"));
    }
}
