//! The framework: the function table, kinds, ABIs, loader, registry and selection.
