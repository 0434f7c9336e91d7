//! Every environment variable that this crate reads, sets or removes, declared once.
//!
//! They belong to the launchers and the MPI libraries; none is an invention of this project.

/// Number of processes in the job; set by Open MPI's mpirun, 4 and 5.
pub const OMPI_COMM_WORLD_SIZE: &str = "OMPI_COMM_WORLD_SIZE";
/// Rank of this process; set by Open MPI's mpirun.
pub const OMPI_COMM_WORLD_RANK: &str = "OMPI_COMM_WORLD_RANK";
/// Number of the job's processes on this machine; set by Open MPI's mpirun.
pub const OMPI_COMM_WORLD_LOCAL_SIZE: &str = "OMPI_COMM_WORLD_LOCAL_SIZE";
/// Address of the local daemon; set by Open MPI 4 and older, and how its library knows that it was launched.
pub const OMPI_MCA_ORTE_LOCAL_DAEMON_URI: &str = "OMPI_MCA_orte_local_daemon_uri";
/// `1` for a process started by Open MPI 5's run time.
pub const PRTE_LAUNCHED: &str = "PRTE_LAUNCHED";
/// Installation prefix of a relocated Open MPI. A foreign value breaks another Open MPI's mpirun and library.
pub const OPAL_PREFIX: &str = "OPAL_PREFIX";
/// Makes waiting ranks of Open MPI give the processor away; set when ranks must share processors.
pub const OMPI_MCA_MPI_YIELD_WHEN_IDLE: &str = "OMPI_MCA_mpi_yield_when_idle";
/// Lets Open MPI's mpirun run as root, together with [`OMPI_ALLOW_RUN_AS_ROOT_CONFIRM`].
pub const OMPI_ALLOW_RUN_AS_ROOT: &str = "OMPI_ALLOW_RUN_AS_ROOT";
/// Confirms [`OMPI_ALLOW_RUN_AS_ROOT`].
pub const OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: &str = "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM";

/// Name of the job's PMIx namespace.
pub const PMIX_NAMESPACE: &str = "PMIX_NAMESPACE";
/// Rank of this process in its PMIx namespace.
pub const PMIX_RANK: &str = "PMIX_RANK";
/// Address of the PMIx server, `name;tcp4://127.0.0.1:port`.
pub const PMIX_SERVER_URI2: &str = "PMIX_SERVER_URI2";
/// Address of the PMIx server, as [`PMIX_SERVER_URI2`], for newer clients.
pub const PMIX_SERVER_URI41: &str = "PMIX_SERVER_URI41";
/// Session directory of the PMIx server; it goes when the job ends.
pub const PMIX_SERVER_TMPDIR: &str = "PMIX_SERVER_TMPDIR";

/// Number of an open socket to the process manager, PMI-1 and PMI-2.
pub const PMI_FD: &str = "PMI_FD";
/// Rank of this process, PMI-1 and PMI-2.
pub const PMI_RANK: &str = "PMI_RANK";
/// Number of processes, PMI-1 and PMI-2.
pub const PMI_SIZE: &str = "PMI_SIZE";
/// `host:port` of the process manager, PMI-1 over TCP; then there is neither [`PMI_RANK`] nor [`PMI_SIZE`].
pub const PMI_PORT: &str = "PMI_PORT";
/// Identity of this process towards [`PMI_PORT`]: its rank.
pub const PMI_ID: &str = "PMI_ID";
/// Number of the job's processes on this machine; set by MPICH's and Intel's hydra.
pub const MPI_LOCALNRANKS: &str = "MPI_LOCALNRANKS";
/// Control socket of MPICH's hydra; Intel's has none.
pub const HYDI_CONTROL_FD: &str = "HYDI_CONTROL_FD";
/// Set by Intel's hydra alone.
pub const I_MPI_HYDRA_TOPOLIB: &str = "I_MPI_HYDRA_TOPOLIB";
/// Set by Intel's hydra alone.
pub const I_MPI_HYDRA_UUID: &str = "I_MPI_HYDRA_UUID";
/// Set by MPICH's gforker.
pub const MPI_APPNUM: &str = "MPI_APPNUM";
/// Installation prefix of Intel MPI.
pub const I_MPI_ROOT: &str = "I_MPI_ROOT";

/// Identity of the Slurm step that this process belongs to.
pub const SLURM_STEP_ID: &str = "SLURM_STEP_ID";
/// Number of tasks in the Slurm step (in a batch script: in the job).
pub const SLURM_STEP_NUM_TASKS: &str = "SLURM_STEP_NUM_TASKS";
/// Rank of this task in its Slurm step.
pub const SLURM_PROCID: &str = "SLURM_PROCID";
/// Number of tasks in the Slurm job.
pub const SLURM_NTASKS: &str = "SLURM_NTASKS";

/// Identity of a job of Cray's application launcher.
pub const PALS_APID: &str = "PALS_APID";
/// Rank of this process in such a job.
pub const PALS_RANKID: &str = "PALS_RANKID";
/// Number of tasks in a Flux job.
pub const FLUX_JOB_SIZE: &str = "FLUX_JOB_SIZE";
/// Rank of this task in its Flux job.
pub const FLUX_TASK_RANK: &str = "FLUX_TASK_RANK";

/// Variables by which a resource manager says that the job has machines of its own: mpirun then spreads the ranks over
/// them, and the cores of this machine say nothing about the slots.
pub const ALLOCATIONS: &[&str] = &[
    "SLURM_JOB_ID",
    "SLURM_JOBID",
    "PBS_NODEFILE",
    "LSB_HOSTS",
    "LSB_DJOB_HOSTFILE",
    "PE_HOSTFILE",
    "COBALT_NODEFILE",
    "OMPI_MCA_orte_default_hostfile",
    "PRTE_MCA_prte_default_hostfile",
    "HYDRA_HOST_FILE",
    "I_MPI_HYDRA_HOST_FILE",
];

/// Whether a variable describes one process of one running job, so that a launcher started from here must not see it.
///
/// Settings that a user makes for all his jobs (`OMPI_MCA_btl`, `PMIX_MCA_...`, `I_MPI_PIN`, `MPIR_CVAR_...`) are not.
pub fn describes_a_job(name: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "PMI_",
        "PMIX_",
        "HYDI_",
        "HYDRA_BSTRAP_",
        "I_MPI_INFO_",
        "OMPI_COMM_WORLD_",
        "OMPI_MCA_ess",
        "OMPI_WORLD_",
        "PALS_",
    ];
    const NAMES: &[&str] = &[
        "HYDRA_LAUNCH_TYPE",
        "I_MPI_HYDRA_TOPOLIB",
        "I_MPI_HYDRA_UUID",
        "I_MPI_MPIRUN",
        "I_MPI_PIN_INFO",
        "I_MPI_PIN_MAPPING",
        "MPI_APPNUM",
        "MPI_LOCALNRANKS",
        "MPI_LOCALRANKID",
        "MPI_UNIVERSE_SIZE",
        "MPIR_CVAR_CH3_INTERFACE_HOSTNAME",
        "OMPI_APP_CTX_NUM_PROCS",
        "OMPI_ARGV",
        "OMPI_COMMAND",
        "OMPI_FILE_LOCATION",
        "OMPI_FIRST_RANKS",
        "OMPI_LIBDIR_LOC",
        "OMPI_MCA_PREFIXES",
        "OMPI_MCA_cpu_type",
        "OMPI_MCA_initial_wdir",
        "OMPI_MCA_mpi_oversubscribe",
        "OMPI_MCA_num_procs",
        "OMPI_MCA_orte_app_num",
        "OMPI_MCA_orte_bound_at_launch",
        "OMPI_MCA_orte_ess_node_rank",
        "OMPI_MCA_orte_ess_num_procs",
        "OMPI_MCA_orte_hnp_uri",
        "OMPI_MCA_orte_jobfam_session_dir",
        "OMPI_MCA_orte_launch",
        "OMPI_MCA_orte_local_daemon_uri",
        "OMPI_MCA_orte_num_nodes",
        "OMPI_MCA_orte_precondition_transports",
        "OMPI_MCA_orte_tmpdir_base",
        "OMPI_MCA_orte_top_session_dir",
        "OMPI_MCA_pmix",
        "OMPI_MCA_shmem_RUNTIME_QUERY_hint",
        "OMPI_NUM_APP_CTX",
        "OMPI_TOOL_NAME",
        "OMPI_UNIVERSE_SIZE",
        "OMPI_VERSION",
        "OPAL_USER_PARAMS_GIVEN",
        "PRTE_LAUNCHED",
        "PRTE_SHARED_FS",
    ];
    let of_user = name.starts_with("PMIX_MCA_") || name == "PMI_DEBUG";
    !of_user && (NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}
