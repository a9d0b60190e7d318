# Several sources of a folder as one translation unit: what they all include is read once, and what
# they all instantiate is compiled once. Which may be together tools/unity_groups.py reckons anew at
# each configuration.
option(KITH_UNITY "Compile several sources as one: quick for a whole tree, slow for one file" OFF)

if(KITH_UNITY)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  execute_process(COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tools/unity_groups.py
                  OUTPUT_VARIABLE kith_unity_lines COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE "\n" ";" kith_unity_lines "${kith_unity_lines}")
  foreach(line ${kith_unity_lines})
    string(REGEX MATCH "^([0-9]+) (.+)$" line "${line}")
    set(kith_unity_${CMAKE_MATCH_2} ${CMAKE_MATCH_1})
  endforeach()
endif()

# kith_unity(TARGET SOURCE...): joins the sources of a target, absolute paths, by their groups.
function(kith_unity target)
  if(NOT KITH_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  foreach(source ${ARGN})
    file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR} ${source})
    if(DEFINED kith_unity_${path})
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${kith_unity_${path}})
    else()
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
endfunction()
