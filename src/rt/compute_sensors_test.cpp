#include "rt/compute_sensors.h"

#include <gtest/gtest.h>

#include <fstream>

#include "rt/files.h"
#include "rt/test_world.h"

namespace kith::rt {
namespace {

/// Files as Linux lays them out, in a folder of the test.
class Sensors : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& text) {
    const std::string file = dir_ / path;
    ASSERT_TRUE(make_dirs(file.substr(0, file.rfind('/')), 0700));
    std::ofstream(file) << text << "\n";
  }
  void put_supply(const std::string& name, const std::string& type, const std::string& key,
                  const std::string& value) {
    put("sys/class/power_supply/" + name + "/type", type);
    put("sys/class/power_supply/" + name + "/" + key, value);
  }
  ComputeSensors sensors() { return ComputeSensors(dir_.path()); }

  TempDir dir_;
};

TEST_F(Sensors, NothingIsKnownOfAnEmptyMachine) {
  auto sensors = this->sensors();
  EXPECT_FALSE(sensors.is_on_ac());
  EXPECT_FALSE(sensors.celsius());
  const auto readings = sensors.read();
  EXPECT_FALSE(readings.others_percent);
  EXPECT_GT(readings.now.unix_ms, 1'700'000'000'000);
  EXPECT_LT(readings.minute, compute::day_minutes);
}

TEST_F(Sensors, PowerIsMainsOrBattery) {
  put_supply("BAT0", "Battery", "status", "Charging");
  EXPECT_FALSE(sensors().is_on_ac());
  put_supply("BAT0", "Battery", "status", "Discharging");
  EXPECT_EQ(sensors().is_on_ac(), false);
  put_supply("AC", "Mains", "online", "0");
  EXPECT_EQ(sensors().is_on_ac(), false);
  put_supply("ucsi", "USB", "online", "1");
  EXPECT_EQ(sensors().is_on_ac(), true);
}

TEST_F(Sensors, AMouseIsNoComputer) {
  put_supply("mouse", "Battery", "status", "Discharging");
  put("sys/class/power_supply/mouse/scope", "Device");
  EXPECT_FALSE(sensors().is_on_ac());
}

TEST_F(Sensors, TheHottestZoneCounts) {
  put("sys/class/thermal/thermal_zone0/temp", "45999");
  put("sys/class/thermal/thermal_zone1/temp", "71500");
  put("sys/class/thermal/thermal_zone2/temp", "-274000");
  put("sys/class/thermal/thermal_zone3/temp", "broken");
  put("sys/class/thermal/cooling_device0/temp", "99000");
  EXPECT_EQ(sensors().celsius(), 71);
}

TEST_F(Sensors, OthersAreMeasuredFromOneReadingToTheNext) {
  auto sensors = this->sensors();
  put("proc/stat", "cpu  100000 0 100000 800000 0 0 0 0 0 0");
  EXPECT_FALSE(sensors.read().others_percent);
  // 10,000 ticks more, of which 4,000 were busy; this process had none worth speaking of.
  put("proc/stat", "cpu  102000 0 102000 805000 1000 0 0 0 0 0");
  const auto percent = sensors.read().others_percent;
  ASSERT_TRUE(percent);
  EXPECT_GE(*percent, 30u);
  EXPECT_LE(*percent, 40u);
  // Too soon to say anything new.
  put("proc/stat", "cpu  102010 0 102000 805000 1000 0 0 0 0 0");
  EXPECT_EQ(sensors.read().others_percent, percent);
}

}  // namespace
}  // namespace kith::rt
