//! ipcluster: starts, lists and stops a controller and its engines.
