//! The list of behaviours, by chapter of the standard.

mod beyond;
mod callbacks;
mod collectives;
mod communicators;
mod errors;
mod files;
mod isendrecv;
mod known_bugs;
mod large;
mod life;
mod partitioned;
mod point_to_point;
mod predefined;
mod sessions;
mod threads;
mod tools;

use crate::Context;

/// Something that every MPI must do, run by all ranks together.
pub struct Behaviour {
    /// Its name, as printed and as a filter takes it.
    pub name: &'static str,
    /// Runs it; the error says what was wrong on this rank.
    pub run: fn(&Context<'_>) -> Result<(), String>,
}

macro_rules! behaviours {
    ($($module:ident: $($name:ident),+;)*) => {
        /// Every behaviour, in the order in which they run.
        pub const ALL: &[Behaviour] = &[
            $($(Behaviour { name: concat!(stringify!($module), "::", stringify!($name)), run: $module::$name },)+)*
        ];
    };
}

behaviours! {
    life: state_is_running, thread_level_is_kept, init_twice_is_refused, versions_are_told, processor_has_a_name, clock_advances;
    point_to_point: status_tells_source_tag_and_count, wildcards_match, proc_null_is_nobody, many_requests_complete,
        waiting_with_ignored_statuses, error_field_is_kept, no_flag_leaves_the_status, probe_sees_the_message,
        sendrecv_around_the_ring, cancelled_receive, null_requests_complete_at_once;
    isendrecv: the_status_is_that_of_the_receive, looking_leaves_the_request, all_sorts_of_requests_together,
        replaced_in_place, nobody_on_either_side, too_much_is_truncated;
    collectives: barrier_and_bcast_from_each_root, reductions, reduction_of_pairs, reduction_to_each_root, in_place,
        gather_and_scatter, gatherv_and_scatterv, allgather_and_alltoall, sizes_of_datatypes;
    communicators: duplicate_is_apart, split_orders_by_key, undefined_colour_gets_null, freed_handle_is_null,
        split_by_unknown_resources, split_by_shared_memory, windows_of_own_memory_can_be_asked;
    errors: handler_is_what_was_set, bad_rank_has_its_class, bad_root_and_count, truncation, error_strings, classes_translate,
        removed_classes_do_not_run_out;
    predefined: optional_datatypes_have_a_size_or_none, matching_sizes, null_handles_have_names,
        attributes_of_the_world_asked_twice;
    files: seek_from_start_here_and_end, error_handlers_of_files, subarrays_in_views_and_in_memory,
        a_view_of_a_darray_for_each_process_fills_the_file;
    callbacks: own_operations, own_error_handlers, attributes_and_keyvals;
    large: large_counts, alltoallw_takes_a_type_for_each, contents_are_in_standard_terms, waitsome_fills_from_the_front,
        handles_have_integers;
    beyond: constructors_take_large_numbers, constructors_of_large_numbers_can_be_asked, statuses_hold_large_counts, messages_of_large_counts,
        collectives_of_large_counts, displacements_beyond_an_int, nobody_takes_large_counts,
        nobody_takes_large_counts_from_a_window, packing_counts_far, refusals_call_the_error_handler;
    known_bugs: testsome_fills_from_the_front, single_completions_keep_the_error_field, no_flag_leaves_any_status,
        cancelling_keeps_the_arrays_of_others, contents_of_darrays_are_in_standard_terms,
        callbacks_get_the_datatype_of_the_user, nothing_runs_out, the_root_of_another_group_needs_no_send_buffer;
    partitioned: partitions_arrive_round_after_round, both_sides_divide_differently, nothing_else_matches,
        elements_may_lie_apart;
    sessions: process_sets_have_names_and_sizes, groups_make_communicators, two_groups_make_an_intercommunicator,
        errors_reach_the_handler, many_sessions_one_after_another;
    tools: what_is_absent_counts_zero;
    threads: many_threads_exchange, many_threads_share_requests;
}
