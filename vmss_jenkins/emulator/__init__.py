"""An emulator of the part of Azure Resource Manager that deploys virtual machine scale sets."""

from vmss_jenkins.emulator.faults.fault import Fault
from vmss_jenkins.emulator.runtime.clock import ManualClock, ScaledClock
from vmss_jenkins.emulator.scenario.release import Release
from vmss_jenkins.emulator.scenario.scenario import Scenario
from vmss_jenkins.emulator.scenario.set_spec import SetSpec
from vmss_jenkins.emulator.scenario.timings import Timings
from vmss_jenkins.emulator.server.emulator import Emulator
from vmss_jenkins.emulator.state.availability import Availability, Change, Summary
from vmss_jenkins.emulator.state.clock import Clock

__all__ = [
    "Availability",
    "Change",
    "Clock",
    "Emulator",
    "Fault",
    "ManualClock",
    "Release",
    "ScaledClock",
    "Scenario",
    "SetSpec",
    "Summary",
    "Timings",
]
