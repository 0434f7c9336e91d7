//! Operations of all ranks together (MPI-5.0, chapter 6).

use core::ffi::c_int;
use core::ptr;

use anympi::abi::*;

use crate::Context;

pub fn barrier_and_bcast_from_each_root(context: &Context<'_>) -> Result<(), String> {
    for root in 0..context.size {
        call!(context, MPI_Barrier(context.world));
        let mut values = [if context.rank == root { root + 7 } else { -1 }; 3];
        call!(context, MPI_Bcast(values.as_mut_ptr().cast(), 3, MPI_INT, root, context.world));
        expect!(values, [root + 7; 3], "bcast from {root}");
    }
    Ok(())
}

pub fn reductions(context: &Context<'_>) -> Result<(), String> {
    let ranks: Vec<i64> = (0..i64::from(context.size)).collect();
    let mine = i64::from(context.rank) + 1;
    let all: Vec<i64> = ranks.iter().map(|rank| rank + 1).collect();
    let fold = |f: fn(i64, i64) -> i64| all.iter().copied().reduce(f).unwrap_or(0);
    let truth = |value: bool| i64::from(value);
    let wanted = [
        (MPI_SUM, fold(|a, b| a + b)),
        (MPI_PROD, fold(|a, b| a * b)),
        (MPI_MIN, 1),
        (MPI_MAX, i64::from(context.size)),
        (MPI_BAND, fold(|a, b| a & b)),
        (MPI_BOR, fold(|a, b| a | b)),
        (MPI_BXOR, fold(|a, b| a ^ b)),
        (MPI_LAND, truth(true)),
        (MPI_LOR, truth(true)),
        (MPI_LXOR, truth(context.size % 2 == 1)),
    ];
    for (op, wanted) in wanted {
        let mut found = -1i64;
        call!(
            context,
            MPI_Allreduce(
                ptr::from_ref(&mine).cast_mut().cast(),
                ptr::from_mut(&mut found).cast(),
                1,
                MPI_INT64_T,
                op,
                context.world
            )
        );
        expect!(found, wanted, "{op:?}");
    }
    let halves = f64::from(context.rank) / 2.0;
    let mut sum = 0.0;
    call!(
        context,
        MPI_Allreduce(
            ptr::from_ref(&halves).cast_mut().cast(),
            ptr::from_mut(&mut sum).cast(),
            1,
            MPI_DOUBLE,
            MPI_SUM,
            context.world
        )
    );
    expect!(sum, f64::from(context.size * (context.size - 1)) / 4.0, "sum of doubles");
    Ok(())
}

pub fn reduction_of_pairs(context: &Context<'_>) -> Result<(), String> {
    #[repr(C)]
    #[derive(Debug, PartialEq)]
    struct DoubleInt(f64, c_int);
    let mine = DoubleInt(-f64::from(context.rank), context.rank);
    for (op, wanted) in [(MPI_MINLOC, context.size - 1), (MPI_MAXLOC, 0)] {
        let mut found = DoubleInt(0.5, -1);
        call!(
            context,
            MPI_Allreduce(
                ptr::from_ref(&mine).cast_mut().cast(),
                ptr::from_mut(&mut found).cast(),
                1,
                MPI_DOUBLE_INT,
                op,
                context.world
            )
        );
        expect!(found, DoubleInt(-f64::from(wanted), wanted), "{op:?}");
    }
    Ok(())
}

pub fn reduction_to_each_root(context: &Context<'_>) -> Result<(), String> {
    for root in 0..context.size {
        let mine = [context.rank, 1];
        let mut found = [-1, -1];
        call!(
            context,
            MPI_Reduce(
                mine.as_ptr().cast_mut().cast(),
                found.as_mut_ptr().cast(),
                2,
                MPI_INT,
                MPI_SUM,
                root,
                context.world
            )
        );
        let wanted = if context.rank == root {
            [context.size * (context.size - 1) / 2, context.size]
        } else {
            [-1, -1]
        };
        expect!(found, wanted, "reduce to {root}");
    }
    Ok(())
}

pub fn in_place(context: &Context<'_>) -> Result<(), String> {
    let size = context.size as usize;
    let mut value = context.rank + 1;
    call!(
        context,
        MPI_Allreduce(MPI_IN_PLACE, ptr::from_mut(&mut value).cast(), 1, MPI_INT, MPI_SUM, context.world)
    );
    expect!(value, context.size * (context.size + 1) / 2, "allreduce");

    let mut all = vec![-1; size];
    all[context.rank as usize] = context.rank;
    call!(
        context,
        MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all.as_mut_ptr().cast(), 1, MPI_INT, context.world)
    );
    expect!(all, (0..context.size).collect::<Vec<_>>(), "allgather");

    let mut gathered = vec![-1; size];
    gathered[0] = 0;
    let mine = context.rank;
    let (send, receive) = if context.rank == 0 {
        (MPI_IN_PLACE, gathered.as_mut_ptr().cast())
    } else {
        (ptr::from_ref(&mine).cast_mut().cast(), ptr::null_mut())
    };
    call!(context, MPI_Gather(send, 1, MPI_INT, receive, 1, MPI_INT, 0, context.world));
    if context.rank == 0 {
        expect!(gathered, (0..context.size).collect::<Vec<_>>(), "gather");
    }
    Ok(())
}

pub fn gather_and_scatter(context: &Context<'_>) -> Result<(), String> {
    let root = context.size - 1;
    let mine = [context.rank, context.rank * context.rank];
    let mut all = vec![-1; 2 * context.size as usize];
    call!(
        context,
        MPI_Gather(
            mine.as_ptr().cast_mut().cast(),
            2,
            MPI_INT,
            all.as_mut_ptr().cast(),
            2,
            MPI_INT,
            root,
            context.world
        )
    );
    if context.rank == root {
        let wanted: Vec<c_int> = (0..context.size).flat_map(|rank| [rank, rank * rank]).collect();
        expect!(all, wanted, "gather");
    }
    let mut back = [-1; 2];
    call!(
        context,
        MPI_Scatter(
            all.as_ptr().cast_mut().cast(),
            2,
            MPI_INT,
            back.as_mut_ptr().cast(),
            2,
            MPI_INT,
            root,
            context.world
        )
    );
    expect!(back, mine, "scatter");
    Ok(())
}

pub fn gatherv_and_scatterv(context: &Context<'_>) -> Result<(), String> {
    // Rank r gives r + 1 elements.
    let mine = vec![context.rank; context.rank as usize + 1];
    let counts: Vec<c_int> = (1..=context.size).collect();
    let offsets: Vec<c_int> = (0..context.size).map(|rank| rank * (rank + 1) / 2).collect();
    let total = (context.size * (context.size + 1) / 2) as usize;
    let wanted: Vec<c_int> = (0..context.size).flat_map(|rank| vec![rank; rank as usize + 1]).collect();
    let count = context.rank + 1;

    let mut all = vec![-1; total];
    call!(
        context,
        MPI_Gatherv(
            mine.as_ptr().cast_mut().cast(),
            count,
            MPI_INT,
            all.as_mut_ptr().cast(),
            counts.as_ptr(),
            offsets.as_ptr(),
            MPI_INT,
            0,
            context.world
        )
    );
    if context.rank == 0 {
        expect!(all, wanted, "gatherv");
    }
    let mut back = vec![-1; mine.len()];
    call!(
        context,
        MPI_Scatterv(
            all.as_ptr().cast_mut().cast(),
            counts.as_ptr(),
            offsets.as_ptr(),
            MPI_INT,
            back.as_mut_ptr().cast(),
            count,
            MPI_INT,
            0,
            context.world
        )
    );
    expect!(back, mine, "scatterv");
    let mut everywhere = vec![-1; total];
    call!(
        context,
        MPI_Allgatherv(
            mine.as_ptr().cast_mut().cast(),
            count,
            MPI_INT,
            everywhere.as_mut_ptr().cast(),
            counts.as_ptr(),
            offsets.as_ptr(),
            MPI_INT,
            context.world
        )
    );
    expect!(everywhere, wanted, "allgatherv");
    Ok(())
}

pub fn allgather_and_alltoall(context: &Context<'_>) -> Result<(), String> {
    let mine = u8::try_from(context.rank).map_err(|error| error.to_string())?;
    let mut all = vec![0xffu8; context.size as usize];
    call!(
        context,
        MPI_Allgather(
            ptr::from_ref(&mine).cast_mut().cast(),
            1,
            MPI_BYTE,
            all.as_mut_ptr().cast(),
            1,
            MPI_BYTE,
            context.world
        )
    );
    expect!(all, (0..context.size as u8).collect::<Vec<_>>(), "allgather");

    let sent: Vec<c_int> = (0..context.size).map(|other| context.rank * 100 + other).collect();
    let mut received = vec![-1; sent.len()];
    call!(
        context,
        MPI_Alltoall(
            sent.as_ptr().cast_mut().cast(),
            1,
            MPI_INT,
            received.as_mut_ptr().cast(),
            1,
            MPI_INT,
            context.world
        )
    );
    expect!(
        received,
        (0..context.size).map(|other| other * 100 + context.rank).collect::<Vec<_>>(),
        "alltoall"
    );
    Ok(())
}

pub fn sizes_of_datatypes(context: &Context<'_>) -> Result<(), String> {
    let sizes = [
        (MPI_CHAR, 1),
        (MPI_SIGNED_CHAR, 1),
        (MPI_UNSIGNED_CHAR, 1),
        (MPI_BYTE, 1),
        (MPI_C_BOOL, 1),
        (MPI_SHORT, 2),
        (MPI_UNSIGNED_SHORT, 2),
        (MPI_INT, 4),
        (MPI_UNSIGNED, 4),
        (MPI_LONG, size_of::<core::ffi::c_long>() as c_int),
        (MPI_UNSIGNED_LONG, size_of::<core::ffi::c_ulong>() as c_int),
        (MPI_LONG_LONG, 8),
        (MPI_UNSIGNED_LONG_LONG, 8),
        (MPI_FLOAT, 4),
        (MPI_DOUBLE, 8),
        (MPI_C_FLOAT_COMPLEX, 8),
        (MPI_C_DOUBLE_COMPLEX, 16),
        (MPI_WCHAR, 4),
        (MPI_INT8_T, 1),
        (MPI_UINT8_T, 1),
        (MPI_INT16_T, 2),
        (MPI_UINT16_T, 2),
        (MPI_INT32_T, 4),
        (MPI_UINT32_T, 4),
        (MPI_INT64_T, 8),
        (MPI_UINT64_T, 8),
        (MPI_AINT, size_of::<MPI_Aint>() as c_int),
        (MPI_COUNT, 8),
        (MPI_OFFSET, 8),
        (MPI_FLOAT_INT, 8),
        (MPI_DOUBLE_INT, 12),
        (MPI_SHORT_INT, 6),
        (MPI_2INT, 8),
    ];
    for (datatype, wanted) in sizes {
        let mut size = -1;
        call!(context, MPI_Type_size(datatype, &mut size));
        expect!(size, wanted, "size of {datatype:?}");
    }
    Ok(())
}
