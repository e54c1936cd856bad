// How --help looks.
#include "help.h"

namespace masked_rnn {
namespace {

constexpr size_t kColumnWidth = 30;

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    const bool flag = option->get_type_size() == 0;
    return flag || !option->nonpositional() ? "" : " " + option->get_type_name();
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string value = option->get_default_str();
    if (value.empty() || option->get_type_size() == 0) return option->get_description();
    return option->get_description() + " [" + value + "]";
  }
};

}  // namespace

std::shared_ptr<CLI::Formatter> help_formatter() {
  auto formatter = std::make_shared<HelpFormatter>();
  formatter->column_width(kColumnWidth);
  return formatter;
}

CLI::Option* only(CLI::Option* option, const std::vector<std::string>& names) {
  CLI::Validator one_of_names = CLI::IsMember(names);
  one_of_names.description("");  // the type says it
  std::string type;
  for (const std::string& name : names) type += (type.empty() ? "" : "|") + name;
  return option->check(one_of_names)->type_name(type);
}

}  // namespace masked_rnn
