#include "cli/verbs.h"

namespace kith::cli {

void add_file_verbs(CLI::App& app, Draft& draft) {
  const auto receive = add_verb<ReceiveArgs>(
      app, draft, "receive", "Take files that peers send, into a folder, until stopped",
      "kith receive --dir ~/in --once");
  receive.app->add_option("--dir", receive.args->dir, "Where files go (this folder)")
      ->type_name("DIR");
  receive.app
      ->add_option("--listen", receive.args->listen,
                   "Listen here (/ip4/0.0.0.0/udp/0/kith and /ip4/0.0.0.0/tcp/0); may be repeated")
      ->type_name("ADDR")
      ->allow_extra_args(false);
  receive.app->add_flag("--once", receive.args->once, "End after the first file");
  add_parsed(*receive.app, "--max-size", receive.args->size_max,
             "Refuse files that are larger (as much as the disk has free)", "SIZE",
             node::parse_size);
  receive.app
      ->add_option("--from", receive.args->from,
                   "Take files of this peer only (of everybody); may be repeated")
      ->type_name("PEER")
      ->allow_extra_args(false);
  receive.app->add_option("--psk", receive.args->psk_file, "swarm.key of a private network")
      ->type_name("FILE");

  const auto send =
      add_verb<SendArgs>(app, draft, "send", "Send a file to a peer that runs `kith receive`",
                         "kith send film.mkv /ip4/192.0.2.7/udp/4771/kith/p2p/12D3Koo...");
  send.app->add_option("FILE", send.args->file, "The file")->required();
  send.app
      ->add_option("TARGET", send.args->target,
                   "A multiaddr ending in /p2p/ID, or the id of a peer that this home knows")
      ->required();
  send.app->add_option("--name", send.args->name, "Send it under this name (the file's own)")
      ->type_name("NAME");
  send.app->add_option("--psk", send.args->psk_file, "swarm.key of a private network")
      ->type_name("FILE");
}

}  // namespace kith::cli
