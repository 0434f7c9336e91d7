//! Info objects that outlive MPI: their functions may be called at any time (MPI-5.0, chapter 10).

use core::ffi::{CStr, c_char};
use core::ptr;

use anympi::FnTable;
use anympi::abi::{MPI_INFO_NULL, MPI_Info};

use crate::Context;

const KEY: &CStr = c"outliving";
const VALUE: &CStr = c"as it was";

/// Objects that were made while MPI was running.
pub struct Outliving {
    made: MPI_Info,
    copied: MPI_Info,
    of_environment: MPI_Info,
}

impl Outliving {
    /// Makes them.
    ///
    /// # Errors
    /// What the library returned.
    pub fn make(context: &Context<'_>) -> Result<Self, String> {
        let mut infos = Self { made: MPI_INFO_NULL, copied: MPI_INFO_NULL, of_environment: MPI_INFO_NULL };
        call!(context, MPI_Info_create(&mut infos.made));
        call!(context, MPI_Info_set(infos.made, KEY.as_ptr(), VALUE.as_ptr()));
        call!(context, MPI_Info_dup(infos.made, &mut infos.copied));
        call!(context, MPI_Info_create_env(0, ptr::null_mut(), &mut infos.of_environment));
        Ok(infos)
    }

    /// Uses and frees them, after `MPI_Finalize`.
    ///
    /// # Errors
    /// What is not as it was.
    pub fn check(mut self, table: &FnTable) -> Result<(), String> {
        let worked = |function: &str, code| match code {
            0 => Ok(()),
            code => Err(format!("{function} returned {code} after MPI_Finalize")),
        };
        let objects = [(&mut self.made, true), (&mut self.copied, true), (&mut self.of_environment, false)];
        for (info, has_entry) in objects {
            let (mut text, mut room, mut flag) = ([0 as c_char; 64], 64, 0);
            let mut copy = MPI_INFO_NULL;
            // SAFETY: objects of ours, strings, a buffer as long as is said.
            unsafe {
                worked("MPI_Info_dup", (table.MPI_Info_dup)(*info, &mut copy))?;
                let code =
                    (table.MPI_Info_get_string)(copy, KEY.as_ptr(), &mut room, text.as_mut_ptr(), &mut flag);
                worked("MPI_Info_get_string", code)?;
                worked("MPI_Info_free", (table.MPI_Info_free)(&mut copy))?;
                worked("MPI_Info_free", (table.MPI_Info_free)(info))?;
                if has_entry && (flag == 0 || CStr::from_ptr(text.as_ptr()) != VALUE) {
                    return Err("an info object has lost its entry in MPI_Finalize".to_owned());
                }
            }
        }
        Ok(())
    }
}
