//! The Python extension module that hosts the user's Python inside ipengine.
