// Formats that are CSV in all but name: the files of a public dataset as they are, with the options that fit them. Whatever an import.toml says
// goes before these defaults.
#pragma once

#include "datasets/import/importers.h"

namespace cohort::datasets {

/// Comma-separated files (RFC 4180), or as `[csv]` says.
Importer csv_importer();
/// Separated by tabs, quotes are ordinary characters.
Importer tsv_importer();
/// Criteo display advertising: tabs, no header; label, 13 counts (log-worthy, may be negative), 26 categories of 8 hex digits; empty is missing.
Importer criteo_importer();
/// Avazu click-through: 24 columns, with or without a header file by file; `id` is text (up to 20 digits), the others are categories.
Importer avazu_importer();
/// MovieLens: ratings in the `.dat` edition (`::`, no header, ISO-8859-1) or the `.csv` one, users and movies beside the ratings joined.
Importer movielens_importer();
/// Texts and their labels: CSV, or lines cut at the last delimiter; each text column becomes its tokens.
Importer text_importer();
/// A user a line, `user item item …`: as in LightGCN (train=… test=…) and S3-Rec.
Importer interactions_importer();

}  // namespace cohort::datasets
