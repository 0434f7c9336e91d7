//! The one list of MPI functions. Every other table, shim and name is made from it.
//!
//! A line gives the C signature in terms of *kinds* (see [`crate::kinds`]): not `int`, but whether the `int` is a
//! rank, a tag or a count, for each crosses from one ABI to another in its own way. `[name]` after a kind names the
//! parameter that it depends on: the length of an array, or the flag without which nothing is written.
//! Order is the order of slots in [`crate::FnTable`]: append, never reorder.

/// Calls `$emit!` with the whole list.
#[macro_export]
macro_rules! mpi_functions {
    ($emit:ident) => {
        $emit! {
            // Life cycle (MPI-5.0, chapter 11)
            fn MPI_Init(argc: Argc, argv: Argv) -> Code;
            fn MPI_Init_thread(argc: Argc, argv: Argv, required: Thread, provided: Out<Thread>) -> Code;
            fn MPI_Query_thread(provided: Out<Thread>) -> Code;
            fn MPI_Is_thread_main(flag: OutInt) -> Code;
            fn MPI_Initialized(flag: OutInt) -> Code;
            fn MPI_Finalized(flag: OutInt) -> Code;
            fn MPI_Finalize() -> Code;
            fn MPI_Abort(comm: Comm, errorcode: Int) -> Code;

            // Environment (chapter 9)
            fn MPI_Get_version(version: OutInt, subversion: OutInt) -> Code;
            fn MPI_Get_library_version(version: OutChars, resultlen: OutInt) -> Code;
            fn MPI_Get_processor_name(name: OutChars, resultlen: OutInt) -> Code;
            fn MPI_Wtime() -> Seconds;
            fn MPI_Wtick() -> Seconds;
            fn MPI_Error_class(errorcode: ErrorCode, errorclass: Out<ErrorCode>) -> Code;
            fn MPI_Error_string(errorcode: ErrorCode, string: OutChars, resultlen: OutInt) -> Code;
            fn MPI_Comm_set_errhandler(comm: Comm, errhandler: Errhandler) -> Code;
            fn MPI_Comm_get_errhandler(comm: Comm, errhandler: Out<Errhandler>) -> Code;
            fn MPI_Comm_call_errhandler(comm: Comm, errorcode: ErrorCode) -> Code;
            fn MPI_Errhandler_free(errhandler: InOut<Errhandler>) -> Code;

            // Communicators (chapter 7)
            fn MPI_Comm_rank(comm: Comm, rank: Out<Rank>) -> Code;
            fn MPI_Comm_size(comm: Comm, size: OutInt) -> Code;
            fn MPI_Comm_dup(comm: Comm, newcomm: Out<Comm>) -> Code;
            fn MPI_Comm_split(comm: Comm, color: Int, key: Int, newcomm: Out<Comm>) -> Code;
            fn MPI_Comm_free(comm: InOut<Comm>) -> Code;

            // Point to point (chapter 3)
            fn MPI_Send(buf: Buffer, count: Int, datatype: Datatype, dest: Rank, tag: Tag, comm: Comm) -> Code;
            fn MPI_Recv(buf: Buffer, count: Int, datatype: Datatype, source: Rank, tag: Tag, comm: Comm, status: Out<Status>) -> Code;
            fn MPI_Isend(buf: Buffer, count: Int, datatype: Datatype, dest: Rank, tag: Tag, comm: Comm, request: Out<Request>) -> Code;
            fn MPI_Irecv(buf: Buffer, count: Int, datatype: Datatype, source: Rank, tag: Tag, comm: Comm, request: Out<Request>) -> Code;
            fn MPI_Sendrecv(sendbuf: Buffer, sendcount: Int, sendtype: Datatype, dest: Rank, sendtag: Tag, recvbuf: Buffer, recvcount: Int, recvtype: Datatype, source: Rank, recvtag: Tag, comm: Comm, status: Out<Status>) -> Code;
            fn MPI_Wait(request: InOut<Request>, status: Out<Status>) -> Code;
            fn MPI_Waitall(count: Int, requests: InOutArray<Request>[count], statuses: OutArray<Status>[count]) -> Code;
            fn MPI_Test(request: InOut<Request>, flag: OutInt, status: OutIf<Status>[flag]) -> Code;
            fn MPI_Probe(source: Rank, tag: Tag, comm: Comm, status: Out<Status>) -> Code;
            fn MPI_Iprobe(source: Rank, tag: Tag, comm: Comm, flag: OutInt, status: OutIf<Status>[flag]) -> Code;
            fn MPI_Get_count(status: In<Status>, datatype: Datatype, count: OutInt) -> Code;
            fn MPI_Cancel(request: InOut<Request>) -> Code;
            fn MPI_Test_cancelled(status: In<Status>, flag: OutInt) -> Code;
            fn MPI_Request_free(request: InOut<Request>) -> Code;
            fn MPI_Type_size(datatype: Datatype, size: OutInt) -> Code;

            // Collectives (chapter 6)
            fn MPI_Barrier(comm: Comm) -> Code;
            fn MPI_Bcast(buffer: Buffer, count: Int, datatype: Datatype, root: Rank, comm: Comm) -> Code;
            fn MPI_Reduce(sendbuf: Buffer, recvbuf: Buffer, count: Int, datatype: Datatype, op: Op, root: Rank, comm: Comm) -> Code;
            fn MPI_Allreduce(sendbuf: Buffer, recvbuf: Buffer, count: Int, datatype: Datatype, op: Op, comm: Comm) -> Code;
            fn MPI_Gather(sendbuf: Buffer, sendcount: Int, sendtype: Datatype, recvbuf: Buffer, recvcount: Int, recvtype: Datatype, root: Rank, comm: Comm) -> Code;
            fn MPI_Gatherv(sendbuf: Buffer, sendcount: Int, sendtype: Datatype, recvbuf: Buffer, recvcounts: Ints, displs: Ints, recvtype: Datatype, root: Rank, comm: Comm) -> Code;
            fn MPI_Scatter(sendbuf: Buffer, sendcount: Int, sendtype: Datatype, recvbuf: Buffer, recvcount: Int, recvtype: Datatype, root: Rank, comm: Comm) -> Code;
            fn MPI_Scatterv(sendbuf: Buffer, sendcounts: Ints, displs: Ints, sendtype: Datatype, recvbuf: Buffer, recvcount: Int, recvtype: Datatype, root: Rank, comm: Comm) -> Code;
            fn MPI_Allgather(sendbuf: Buffer, sendcount: Int, sendtype: Datatype, recvbuf: Buffer, recvcount: Int, recvtype: Datatype, comm: Comm) -> Code;
            fn MPI_Allgatherv(sendbuf: Buffer, sendcount: Int, sendtype: Datatype, recvbuf: Buffer, recvcounts: Ints, displs: Ints, recvtype: Datatype, comm: Comm) -> Code;
            fn MPI_Alltoall(sendbuf: Buffer, sendcount: Int, sendtype: Datatype, recvbuf: Buffer, recvcount: Int, recvtype: Datatype, comm: Comm) -> Code;
        }
    };
}
