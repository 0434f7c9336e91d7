//! ipcontroller: one process that routes, schedules and keeps the books.
