// Beast, for http_*.cpp and web_socket.cpp of this folder. Compiled once, in beast_impl.cpp.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "rt/asio.h"

namespace kith::rt {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using HttpMessage = http::request<http::string_body>;

}  // namespace kith::rt
