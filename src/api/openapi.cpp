// GET /v1/openapi.json: OpenAPI 3.1 of everything HTTP answers, from the table of methods.
#include <algorithm>

#include "api/http.h"
#include "api/json.h"
#include "base/version.h"

namespace kith::api {
namespace {

Json schema_of(const Param& param) {
  if (param.type == ParamType::text) return Json{{"type", "string"}};
  return Json{{"type", "integer"}, {"minimum", 0}};
}

bool is_in_path(const Api::Method& method, const Param& param) {
  return method.path.find("{" + std::string(param.name) + "}") != std::string_view::npos;
}

Json error_ref(const char* name) {
  return Json{{"$ref", std::string("#/components/responses/") + name}};
}

Json json_response(const char* description) {
  return Json{{"description", description},
              {"content", Json{{"application/json", Json{{"schema", Json{{"type", "object"}}}}}}}};
}

Json body_of(const Api::Method& method) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const Param& param : method.params) {
    if (is_in_path(method, param)) continue;
    properties[std::string(param.name)] = schema_of(param);
    properties[std::string(param.name)]["description"] = param.help;
    if (param.is_required) required.push_back(param.name);
  }
  if (properties.empty()) return nullptr;
  const bool is_required = !required.empty();
  Json schema{{"type", "object"}, {"properties", std::move(properties)}};
  schema["additionalProperties"] = false;
  if (is_required) schema["required"] = std::move(required);
  return Json{{"required", is_required},
              {"content", Json{{"application/json", Json{{"schema", std::move(schema)}}}}}};
}

Json operation_of(const Api::Method& method) {
  Json operation{{"operationId", method.name}, {"summary", method.help}};
  Json parameters = Json::array();
  for (const Param& param : method.params) {
    const bool in_path = is_in_path(method, param);
    if (!in_path && method.verb != "GET") continue;
    parameters.push_back(Json{{"name", param.name},
                              {"in", in_path ? "path" : "query"},
                              {"required", in_path || param.is_required},
                              {"description", param.help},
                              {"schema", schema_of(param)}});
  }
  if (!parameters.empty()) operation["parameters"] = std::move(parameters);
  if (method.verb != "GET") {
    if (Json body = body_of(method); !body.is_null()) operation["requestBody"] = std::move(body);
  }
  Json responses{{"200", json_response("The result.")}, {"default", error_ref("Error")}};
  if (method.changes_state) {
    operation["security"] = Json::array({Json{{"token", Json::array()}}});
    responses["401"] = error_ref("Error");
    responses["403"] = error_ref("Error");
  }
  operation["responses"] = std::move(responses);
  return operation;
}

Json plain(const char* summary, const char* type, bool has_error = false) {
  Json responses{{"200", Json{{"description", "As the summary says."},
                              {"content", Json{{type, Json::object()}}}}}};
  if (has_error) responses["default"] = error_ref("Error");
  return Json{{"get", Json{{"summary", summary}, {"responses", std::move(responses)}}}};
}

Json components() {
  const Json error{{"type", "object"},
                   {"properties",
                    Json{{"error", Json{{"type", "object"},
                                        {"properties", Json{{"code", Json{{"type", "string"}}},
                                                            {"message", Json{{"type", "string"}}}}},
                                        {"required", Json::array({"code", "message"})}}}}},
                   {"required", Json::array({"error"})}};
  return Json{
      {"securitySchemes",
       Json{{"token", Json{{"type", "http"},
                           {"scheme", "bearer"},
                           {"description",
                            "The line in HOME/api.token. Where not only loopback is "
                            "listened on, reads need it too."}}}}},
      {"schemas", Json{{"Error", error}}},
      {"responses",
       Json{{"Error",
             Json{{"description", "What went wrong."},
                  {"content",
                   Json{{"application/json",
                         Json{{"schema", Json{{"$ref", "#/components/schemas/Error"}}}}}}}}}}}};
}

}  // namespace

std::string openapi_json() {
  Json paths = Json::object();
  paths["/livez"] = plain("Whether the process answers at all.", "application/json");
  paths["/readyz"] = plain("Whether every listener is up; 503 while not.", "application/json");
  paths["/metrics"] = plain("Metrics as Prometheus text.", "text/plain", true);
  paths["/v1/openapi.json"] = plain("This document.", "application/json", true);
  paths["/v1/events"] = Json{
      {"get",
       Json{{"summary", "A WebSocket: events, and JSON-RPC requests of the client."},
            {"parameters", Json::array({Json{{"name", "kinds"},
                                             {"in", "query"},
                                             {"description", "Which events, divided by commas."},
                                             {"schema", Json{{"type", "string"}}}}})},
            {"responses", Json{{"101", Json{{"description", "The socket is open."}}},
                               {"default", error_ref("Error")}}}}}};
  paths["/rpc"] = Json{
      {"post",
       Json{{"summary", "JSON-RPC 2.0: every method by its name."},
            {"requestBody",
             Json{{"required", true},
                  {"content", Json{{"application/json", Json{{"schema", Json::object()}}}}}}},
            {"responses", Json{{"200", json_response("A response, or a list of them for a batch.")},
                               {"204", Json{{"description", "There were only notifications."}}},
                               {"default", json_response("A response that holds an error.")}}}}}};
  for (const Api::Method& method : Api::methods()) {
    if (method.path.empty()) continue;
    std::string verb(method.verb);
    for (char& c : verb) c = static_cast<char>(c - 'A' + 'a');
    paths[std::string(method.path)][verb] = operation_of(method);
  }
  return to_line(Json{{"openapi", "3.1.0"},
                      {"info", Json{{"title", "Kith"},
                                    {"version", base::version()},
                                    {"description", "The API of one node, docs/http-api.md."}}},
                      {"paths", std::move(paths)},
                      {"components", components()}});
}

}  // namespace kith::api
