//! The contract of a store, as tests that any store can be held to. A store's test file says how to make a [`kit::Bench`] and
//! writes `contract_suite!(make_bench)`.
//!
//! `scenarios` has a test for each sentence of docs/ADMISSION.md; `random` lives random histories beside `model`, the
//! plain model of the line.
#![allow(dead_code)] // each test file uses its part
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests, outside of the test functions

pub mod kit;
pub mod model;
pub mod random;
pub mod scenarios;

#[macro_export]
macro_rules! contract_tests {
    ($bench:ident; $($module:ident: $($name:ident),+;)+) => {
        $(mod $module {
            $(#[tokio::test]
            async fn $name() {
                let bench = super::$bench().await;
                super::contract::scenarios::$module::$name(&bench).await;
            })+
        })+
    };
}

#[macro_export]
macro_rules! contract_suite {
    ($bench:ident) => {
        $crate::contract_tests! { $bench;
            entering:
                enters_at_once_where_there_is_no_line, gives_the_same_session_again, a_refusal_makes_a_line_for_four_seconds,
                nobody_enters_past_a_line, refuses_while_the_room_is_not_open, refuses_without_space_or_pace,
                refuses_used_and_barred_and_admitted_places, an_unmade_room_refuses, an_operator_can_close_and_pause;
            waiting:
                join_indexes_what_is_unknown_once, join_stops_at_max_waiting, near_head_places_are_not_bound_by_max_waiting,
                join_works_while_nobody_is_admitted, absent_visitors_stop_being_present, a_known_place_keeps_its_stamp,
                too_many_in_one_call_are_refused;
            granting:
                order_is_by_stamp_then_id, stamps_settle_before_they_are_granted, works_once_per_interval,
                a_clock_that_goes_back_counts_as_standing_still, an_unclaimed_slot_comes_back_at_the_old_place,
                claim_windows_pause_while_no_tick_works, the_absent_are_passed_over_and_first_when_back,
                after_the_grace_a_place_is_gone, capacity_halved_and_doubled, the_spike_after_idling_is_one_batch,
                a_new_rate_holds_at_once, the_horizon_reaches_the_living_behind_the_dead;
            claiming:
                a_claim_needs_a_granted_slot, a_double_claim_is_one_session, used_places_are_gone, barred_places_are_told,
                a_granted_slot_is_claimed_while_paused, touching_keeps_a_session, untouched_sessions_end,
                sessions_do_not_run_out_while_no_tick_works, a_session_that_ran_out_stays_out, ending_frees_the_slot_once,
                ended_ids_are_told_and_forgotten, spent_places_leave_the_line,
                a_place_given_back_is_forgotten_in_a_day, places_given_back_are_bounded,
                an_end_wins_over_a_report_of_activity, leaving_the_line_uses_the_place_up;
            proving:
                an_entry_is_kept_for_a_minute_until_they_come_back, a_ticket_proves_as_a_pass_does,
                a_short_session_is_no_longer_unproven, an_entry_that_ran_out_goes_on_where_a_slot_is_free,
                an_entry_that_ran_out_is_first_in_a_full_room, an_entry_that_was_ended_stays_ended;
            paying:
                an_answer_counts_once, of_many_at_once_one_counts;
            losing:
                a_wiped_room_recovers_its_order, slots_of_lost_sessions_are_kept, lost_sessions_are_put_back,
                lost_sessions_that_end_give_up_their_slot, leaving_the_line_frees_no_lost_slot,
                a_ticket_alone_frees_no_lost_slot, settings_survive_a_wipe, a_lagged_replica_is_noticed,
                an_edge_that_was_behind_is_no_loss, a_first_tick_that_is_not_newborn_recovers, ghosts_fade,
                nothing_is_claimed_while_recovering, admission_resumes_within_fifteen_seconds;
            telling:
                states, the_sketch_tells_ranks, the_sketch_counts_those_back_before_the_frontier, counts_and_totals,
                settings_are_replaced_by_version, long_texts_are_refused, rooms_do_not_touch_each_other;
        }
    };
}
