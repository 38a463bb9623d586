// SPDX-License-Identifier: Apache-2.0
// A deployment report as a page to look at.
#pragma once

#include <string>

#include "octet/experiment/report/deployment_report.h"

namespace octet {

/// HTML that loads nothing: style and pictures are in it.
std::string report_page(const DeploymentReport& report);

}  // namespace octet
