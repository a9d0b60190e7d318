// Verbs of accounts and jobs, one function each; as in app/cmd.h.
#pragma once

#include "app/cmd.h"

namespace kith::app {

// cmd_account.cpp
int run_account(const cli::Globals& globals, const cli::AccountArgs& args);
// cmd_account_name.cpp
int run_account_create(const cli::Globals& globals, const cli::AccountCreateArgs& args);
int run_account_rename(const cli::Globals& globals, const cli::AccountRenameArgs& args);
// cmd_account_files.cpp
int run_account_export(const cli::Globals& globals, const cli::AccountExportArgs& args);
int run_account_import(const cli::Globals& globals, const cli::AccountImportArgs& args);
// cmd_certificate.cpp
int run_account_certificate(const cli::Globals& globals, const cli::AccountCertificateArgs& args);
// cmd_job.cpp
int run_job(const cli::Globals& globals, const cli::JobArgs& args);
// cmd_record.cpp
int run_record_show(const cli::Globals& globals, const cli::RecordShowArgs& args);
int run_record_verify(const cli::Globals& globals, const cli::RecordVerifyArgs& args);

}  // namespace kith::app
