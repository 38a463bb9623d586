# SPDX-License-Identifier: Apache-2.0
# Fails unless README contains the code of SAMPLE, without the two lines of comment it starts with.
file(READ ${README} readme)
file(READ ${SAMPLE} sample)
string(FIND "${sample}" "#include" start)
string(SUBSTRING "${sample}" ${start} -1 code)
string(FIND "${readme}" "```cpp\n${code}```" found)
if(found EQUAL -1)
  message(FATAL_ERROR "README.md does not show ${SAMPLE} as it is: copy the code over")
endif()
