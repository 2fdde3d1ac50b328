// A pass-through with the engine's ports that breaks the contract in one chosen way, so that
// test_harness.py can show that the bulk bench notices. The bench's +seed= chooses the fault.
module katazome (
    input clk, input rst,
    input [7:0] s_axis__tdata, input s_axis__tvalid, output s_axis__tready, input s_axis__tlast,
    input [15:0] s_weight__tdata, input s_weight__tvalid, output s_weight__tready,
    input s_weight__tlast,
    output [23:0] m_axis__tdata, output m_axis__tvalid, input m_axis__tready,
    output m_axis__tlast, output m_axis__tuser,
    input [15:0] s_axil__awaddr, input [2:0] s_axil__awprot,
    input s_axil__awvalid, output s_axil__awready,
    input [31:0] s_axil__wdata, input [3:0] s_axil__wstrb,
    input s_axil__wvalid, output s_axil__wready,
    output [1:0] s_axil__bresp, output s_axil__bvalid, input s_axil__bready,
    input [15:0] s_axil__araddr, input [2:0] s_axil__arprot,
    input s_axil__arvalid, output s_axil__arready,
    output [31:0] s_axil__rdata, output [1:0] s_axil__rresp,
    output s_axil__rvalid, input s_axil__rready
);
  integer fault;
  initial if (!$value$plusargs("seed=%d", fault)) fault = 0;

  // One register; beats counts what left.
  reg [7:0] data = 0;
  reg valid = 0, last = 0, run = 0;
  reg [31:0] beats = 0, cycle = 0;
  wire step = !m_axis__tvalid || m_axis__tready;
  wire hang = fault == 1 && beats >= 5;
  wire lose = fault == 8 && beats == 7;
  wire extra = fault == 7 && beats >= 24 && beats < 26;
  assign s_axis__tready = step && run && !hang;
  assign m_axis__tvalid = (valid && !(fault == 6 && cycle[1])) || extra;
  assign m_axis__tdata = {16'b0, data} ^ (fault == 5 ? cycle[23:0] : 24'b0);
  assign m_axis__tlast = fault == 2 ? 1'b0 : fault == 3 ? last || beats == 3 : last;
  assign m_axis__tuser = fault == 4 && last;
  always @(posedge clk) begin
    cycle <= cycle + 1;
    if (step) begin
      valid <= s_axis__tvalid && s_axis__tready && !lose;
      data <= s_axis__tdata;
      last <= s_axis__tlast;
    end
    if (m_axis__tvalid && m_axis__tready || lose && step) beats <= beats + 1;
    if (rst) {valid, beats} <= 0;
  end

  reg answer = 0, value = 0;
  assign s_axil__awready = s_axil__wvalid && !answer;
  assign s_axil__wready = s_axil__awvalid && !answer;
  assign s_axil__bvalid = answer;
  assign s_axil__bresp = fault == 9 ? 2'b10 : 2'b00;
  assign s_axil__arready = !value;
  assign s_axil__rvalid = value && fault != 11;
  assign s_axil__rresp = 2'b00;
  assign s_weight__tready = fault != 12;
  wire idle = !(fault == 10 && beats != 0), refused = fault == 13;
  assign s_axil__rdata = s_axil__araddr == 16'hC ? {29'b0, refused, 1'b0, idle} : 32'b0;
  always @(posedge clk) begin
    answer <= answer ? !s_axil__bready : s_axil__awvalid && s_axil__wvalid;
    value <= value ? !s_axil__rready : s_axil__arvalid;
    if (s_axil__awvalid && s_axil__wvalid && s_axil__awaddr == 16'h8) run <= s_axil__wdata[0];
    if (rst) {answer, value, run} <= 0;
  end
endmodule
