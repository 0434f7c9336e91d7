//! The list of functions as C prototypes.
//!
//! A kind says more than a C type, but for some parameters less: it does not tell which sort of callback or tool handle
//! is meant, nor how deep an `argv` is. Those are told by the parameter, in [`exception`].

use crate::failure::{Failure, Outcome};

/// The functions of one chapter of the standard.
pub struct Chapter {
    /// Its comment in the list.
    title: String,
    functions: Vec<Function>,
}

/// One line of the list.
struct Function {
    name: String,
    /// Name and kind of each.
    parameters: Vec<(String, String)>,
    result: String,
}

/// Reads the list.
pub fn parse(source: &str) -> Outcome<Vec<Chapter>> {
    let mut chapters: Vec<Chapter> = Vec::new();
    for line in source.lines().map(str::trim_start).skip_while(|line| !line.starts_with("$emit! {")) {
        if let Some(title) = line.strip_prefix("// ") {
            chapters.push(Chapter { title: title.to_owned(), functions: Vec::new() });
        } else if let Some((_, signature)) = line.split_once("fn MPI_") {
            let function = function(signature)
                .ok_or_else(|| Failure::new(format!("core/src/list.rs: this line cannot be read: {line}")))?;
            let chapter = chapters
                .last_mut()
                .ok_or_else(|| Failure::new("core/src/list.rs: no chapter before its functions"))?;
            chapter.functions.push(function);
        }
    }
    Ok(chapters)
}

/// What follows `fn MPI_`.
fn function(signature: &str) -> Option<Function> {
    let (name, rest) = signature.split_once('(')?;
    let (parameters, result) = rest.strip_suffix(';')?.rsplit_once(") -> ")?;
    let mut read = Vec::new();
    for parameter in split(parameters) {
        let (name, kind) = parameter.split_once(": ")?;
        let kind = kind.split_once('[').map_or(kind, |(kind, _)| kind);
        read.push((name.to_owned(), kind.to_owned()));
    }
    Some(Function { name: format!("MPI_{name}"), parameters: read, result: result.to_owned() })
}

/// Splits at the commas that are not inside brackets.
fn split(parameters: &str) -> Vec<&str> {
    let mut depth = 0;
    let at_comma = |letter: char| {
        match letter {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    };
    parameters.split(at_comma).map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// The prototypes, with a letter before each name.
pub fn prototypes(chapters: &[Chapter], letter: &str) -> Outcome<String> {
    let mut text = String::new();
    for chapter in chapters {
        text.push_str(&format!("\n/* {} */\n", chapter.title));
        for function in &chapter.functions {
            let mut parameters: Vec<String> = function
                .parameters
                .iter()
                .map(|(name, kind)| parameter(&function.name, name, kind))
                .collect::<Outcome<_>>()?;
            if function.name == "MPI_Pcontrol" {
                parameters.push("...".to_owned());
            }
            let parameters = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
            text.push_str(&format!(
                "{} {letter}{}({parameters});\n",
                result(&function.result)?,
                function.name
            ));
        }
    }
    Ok(text)
}

fn result(kind: &str) -> Outcome<String> {
    Ok(match kind {
        "Code" | "IntValue" => "int".to_owned(),
        "AintValue" => "MPI_Aint".to_owned(),
        "Seconds" => "double".to_owned(),
        _ => match kind.strip_suffix("Value").and_then(handle) {
            Some(handle) => handle,
            None => return Err(Failure::new(format!("no C type is known for the result {kind}"))),
        },
    })
}

/// One parameter as C declares it.
fn parameter(function: &str, name: &str, kind: &str) -> Outcome<String> {
    let (before, after) = match exception(function, name, kind) {
        Some(exception) => exception,
        None => c_type(kind)
            .ok_or_else(|| Failure::new(format!("{function}: no C type is known for `{name}: {kind}`")))?,
    };
    let blank = if before.ends_with('*') { "" } else { " " };
    Ok(format!("{before}{blank}{name}{after}"))
}

/// The type of a kind: what stands before the name and what after it.
fn c_type(kind: &str) -> Option<(String, &'static str)> {
    let both = |before: &str, after| Some((before.to_owned(), after));
    match kind {
        "Buffer" | "CollectiveBuffer" | "AttachBuffer" | "OutBuffer" | "Address" => {
            return both("void *", "");
        }
        "ConstBuffer" | "ConstCollectiveBuffer" | "Location" => return both("const void *", ""),
        "Ints" | "Weights" => return both("const int", "[]"),
        "Counts" => return both("const MPI_Count", "[]"),
        "Aints" => return both("const MPI_Aint", "[]"),
        "OutWeights" => return both("int", "[]"),
        "OutInt" | "OutOwnRank" | "Argc" => return both("int *", ""),
        "OutCount" | "InOutCount" => return both("MPI_Count *", ""),
        "OutAint" => return both("MPI_Aint *", ""),
        "OutOffset" => return both("MPI_Offset *", ""),
        "NewRequest" => return both("MPI_Request *", ""),
        "Chars" => return both("const char *", ""),
        "OutChars" => return both("char *", ""),
        _ => {}
    }
    let Some((outer, inner)) = kind.strip_suffix('>').and_then(|kind| kind.split_once('<')) else {
        return Some((scalar(kind)?, ""));
    };
    match outer {
        "PerRank" | "PerSource" | "PerDestination" | "AtRoot" => c_type(inner),
        "Out" | "InOut" | "OutIf" | "Late" => Some((format!("{} *", scalar(inner)?), "")),
        "In" => Some((format!("const {} *", scalar(inner)?), "")),
        "InArray" => Some((format!("const {}", scalar(inner)?), "[]")),
        "InOutArray" | "OutArray" | "OutArrayIf" | "OutSome" => Some((scalar(inner)?, "[]")),
        _ => None,
    }
}

/// The type of a single value.
fn scalar(kind: &str) -> Option<String> {
    Some(match kind {
        "Int"
        | "Rank"
        | "Tag"
        | "Thread"
        | "ErrorCode"
        | "Keyval"
        | "Order"
        | "Distribution"
        | "DistributionArgument"
        | "Combiner"
        | "TypeClass"
        | "Comparison"
        | "Topology"
        | "SplitType"
        | "LockType"
        | "Whence"
        | "Verbosity"
        | "Bind"
        | "Scope"
        | "PvarClass"
        | "FileMode"
        | "Assert" => "int".to_owned(),
        "Count" => "MPI_Count".to_owned(),
        "Aint" => "MPI_Aint".to_owned(),
        "Offset" | "Displacement" => "MPI_Offset".to_owned(),
        "Status" => "MPI_Status".to_owned(),
        "ToolCbSafety" => "MPI_T_cb_safety".to_owned(),
        "ToolSourceOrder" => "MPI_T_source_order".to_owned(),
        _ => handle(kind)?,
    })
}

fn handle(kind: &str) -> Option<String> {
    let known = [
        "Comm",
        "Datatype",
        "Errhandler",
        "File",
        "Group",
        "Info",
        "Message",
        "Op",
        "Request",
        "Session",
        "Win",
    ];
    known.contains(&kind).then(|| format!("MPI_{kind}"))
}

/// What the kind does not tell.
fn exception(function: &str, name: &str, kind: &str) -> Option<(String, &'static str)> {
    let both = |before: &str, after| Some((before.to_owned(), after));
    match (kind, name) {
        ("OutInt", "ranges") => both("int", "[][3]"),
        ("Argv", "array_of_commands") => both("char *", "[]"),
        ("Argv", "array_of_argv") => both("char **", "[]"),
        ("Argv", _) if function == "MPI_Comm_spawn" || function == "MPI_Info_create_env" => {
            both("char *", "[]")
        }
        ("Argv", _) => both("char ***", ""),
        ("Tool", _) => Some((tool(function, name)?.to_owned(), "")),
        ("OutTool", _) => Some((format!("{} *", tool(function, name)?), "")),
        ("Callback", _) => Some((format!("{} *", callback(function, name)?), "")),
        _ => None,
    }
}

/// The handles of the tool information interface.
fn tool(function: &str, name: &str) -> Option<&'static str> {
    Some(match name {
        "enumtype" => "MPI_T_enum",
        "event_registration" => "MPI_T_event_registration",
        "event_instance" => "MPI_T_event_instance",
        "session" => "MPI_T_pvar_session",
        "handle" if function.starts_with("MPI_T_cvar_") => "MPI_T_cvar_handle",
        "handle" => "MPI_T_pvar_handle",
        _ => return None,
    })
}

/// The types of callbacks.
fn callback(function: &str, name: &str) -> Option<&'static str> {
    Some(match (name, function) {
        ("user_fn", "MPI_Op_create") => "MPI_User_function",
        ("user_fn", "MPI_Op_create_c") => "MPI_User_function_c",
        ("copy_fn", _) => "MPI_Copy_function",
        ("delete_fn", _) => "MPI_Delete_function",
        ("comm_copy_attr_fn", _) => "MPI_Comm_copy_attr_function",
        ("comm_delete_attr_fn", _) => "MPI_Comm_delete_attr_function",
        ("type_copy_attr_fn", _) => "MPI_Type_copy_attr_function",
        ("type_delete_attr_fn", _) => "MPI_Type_delete_attr_function",
        ("win_copy_attr_fn", _) => "MPI_Win_copy_attr_function",
        ("win_delete_attr_fn", _) => "MPI_Win_delete_attr_function",
        ("comm_errhandler_fn", _) => "MPI_Comm_errhandler_function",
        ("file_errhandler_fn", _) => "MPI_File_errhandler_function",
        ("session_errhandler_fn", _) => "MPI_Session_errhandler_function",
        ("win_errhandler_fn", _) => "MPI_Win_errhandler_function",
        ("query_fn", _) => "MPI_Grequest_query_function",
        ("free_fn", _) => "MPI_Grequest_free_function",
        ("cancel_fn", _) => "MPI_Grequest_cancel_function",
        ("dtype_file_extent_fn", _) => "MPI_Datarep_extent_function",
        ("read_conversion_fn" | "write_conversion_fn", "MPI_Register_datarep") => {
            "MPI_Datarep_conversion_function"
        }
        ("read_conversion_fn" | "write_conversion_fn", _) => "MPI_Datarep_conversion_function_c",
        ("event_cb_function", _) => "MPI_T_event_cb_function",
        ("free_cb_function", _) => "MPI_T_event_free_cb_function",
        ("dropped_cb_function", _) => "MPI_T_event_dropped_cb_function",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_a_prototype() {
        let list = "$emit! {
            // Chapter
            fn MPI_Testall(count: Int, array_of_requests: InOutArray<Request>[count], flag: OutInt, array_of_statuses: OutArrayIf<Status>[count, flag]) -> Code;
            #[own] fn MPI_Buffer_flush() -> Code;
            #[own] fn MPI_Comm_fromint(comm: Int) -> CommValue;";
        let chapters = parse(list).unwrap();
        let text = prototypes(&chapters, "P").unwrap();
        for line in [
            "/* Chapter */",
            "int PMPI_Testall(int count, MPI_Request array_of_requests[], int *flag, MPI_Status array_of_statuses[]);",
            "int PMPI_Buffer_flush(void);",
            "MPI_Comm PMPI_Comm_fromint(int comm);",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn a_kind_without_a_c_type_is_named() {
        let chapters = parse("$emit! {\n// Chapter\nfn MPI_New(x: Novelty) -> Code;").unwrap();
        let error = prototypes(&chapters, "").err().unwrap().to_string();
        assert!(error.contains("MPI_New") && error.contains("x: Novelty"), "{error}");
        assert!(parse("$emit! {\n// Chapter\nfn MPI_New(x) -> Code;").is_err());
    }
}
