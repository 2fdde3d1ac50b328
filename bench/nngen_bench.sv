// NNgen's layer with its memory behind AXI4 and a host on AXI4-Lite that starts it and waits.
// memory.hex: the words before; result.hex: the words after. One access a clock, no waiting.
module bench;
  localparam int WORDS = 1 << 16;
  localparam int START = 4 * `NNGEN_START, BUSY = 4 * `NNGEN_BUSY;
  logic clk = 0, resetn = 0;
  logic [31:0] memory [0:WORDS-1];

  wire [31:0] awaddr, wdata, araddr;
  wire [7:0] awlen, arlen;
  wire [3:0] wstrb;
  wire awvalid, wlast, wvalid, bready, arvalid, rready;
  logic awready, wready, bvalid, arready, rvalid, rlast;
  logic [31:0] rdata;

  wire [31:0] s_addr;
  wire s_awvalid, s_wvalid, s_arvalid, s_awready, s_wready, s_bvalid, s_arready, s_rvalid;
  wire [31:0] s_rdata;

  nngen_layer dut(
    .CLK(clk), .RESETN(resetn), .irq(),
    .maxi_awaddr(awaddr), .maxi_awlen(awlen), .maxi_awsize(), .maxi_awburst(), .maxi_awlock(),
    .maxi_awcache(), .maxi_awprot(), .maxi_awqos(), .maxi_awuser(), .maxi_awvalid(awvalid),
    .maxi_awready(awready), .maxi_wdata(wdata), .maxi_wstrb(wstrb), .maxi_wlast(wlast),
    .maxi_wvalid(wvalid), .maxi_wready(wready), .maxi_bresp(2'b0), .maxi_bvalid(bvalid),
    .maxi_bready(bready), .maxi_araddr(araddr), .maxi_arlen(arlen), .maxi_arsize(),
    .maxi_arburst(), .maxi_arlock(), .maxi_arcache(), .maxi_arprot(), .maxi_arqos(),
    .maxi_aruser(), .maxi_arvalid(arvalid), .maxi_arready(arready), .maxi_rdata(rdata),
    .maxi_rresp(2'b0), .maxi_rlast(rlast), .maxi_rvalid(rvalid), .maxi_rready(rready),
    .saxi_awaddr(s_addr), .saxi_awcache(4'd3), .saxi_awprot(3'd0), .saxi_awvalid(s_awvalid),
    .saxi_awready(s_awready), .saxi_wdata(32'd1), .saxi_wstrb(4'hf), .saxi_wvalid(s_wvalid),
    .saxi_wready(s_wready), .saxi_bresp(), .saxi_bvalid(s_bvalid), .saxi_bready(1'b1),
    .saxi_araddr(s_addr), .saxi_arcache(4'd3), .saxi_arprot(3'd0), .saxi_arvalid(s_arvalid),
    .saxi_arready(s_arready), .saxi_rdata(s_rdata), .saxi_rresp(), .saxi_rvalid(s_rvalid),
    .saxi_rready(1'b1)
  );

  // The memory: one burst of reads and one of writes at a time.
  logic reading = 0, writing = 0;
  logic [31:0] read_at, write_at;
  logic [7:0] read_left;
  assign arready = !reading;
  assign rvalid = reading;
  assign rlast = read_left == 0;
  assign rdata = memory[read_at[17:2]];
  assign awready = !writing && !bvalid;
  assign wready = writing;
  always_ff @(posedge clk) begin
    if (!reading && arvalid) begin
      reading <= 1;
      read_at <= araddr;
      read_left <= arlen;
    end else if (reading && rready) begin
      read_at <= read_at + 4;
      read_left <= read_left - 1;
      if (rlast) reading <= 0;
    end
    if (awready && awvalid) begin
      writing <= 1;
      write_at <= awaddr;
    end else if (writing && wvalid) begin
      for (int n = 0; n < 4; n++)
        if (wstrb[n]) memory[write_at[17:2]][8*n +: 8] <= wdata[8*n +: 8];
      write_at <= write_at + 4;
      if (wlast) begin
        writing <= 0;
        bvalid <= 1;
      end
    end
    if (bvalid && bready) bvalid <= 0;
    if (!resetn) begin
      reading <= 0;
      writing <= 0;
      bvalid <= 0;
    end
  end

  // The host: write 1 to START, then read START and BUSY until each is 0.
  typedef enum logic [2:0] {RESET, ADDRESS, DATA, ASK_START, GET_START, ASK_BUSY, GET_BUSY} state_t;
  state_t state = RESET;
  int cycles = 0, began = 0;
  assign s_awvalid = state == ADDRESS;
  assign s_wvalid = state == DATA;
  assign s_arvalid = state == ASK_START || state == ASK_BUSY;
  assign s_addr = state == ASK_BUSY ? BUSY : START;
  always #1 clk = !clk;
  always_ff @(posedge clk) begin
    cycles <= cycles + 1;
    resetn <= cycles >= 20;
    case (state)
      RESET: if (cycles == 100) state <= ADDRESS;
      ADDRESS: if (s_awready) state <= DATA;
      DATA: if (s_wready) begin
        state <= ASK_START;
        began <= cycles;
      end
      ASK_START: if (s_arready) state <= GET_START;
      GET_START: if (s_rvalid) state <= s_rdata == 0 ? ASK_BUSY : ASK_START;
      ASK_BUSY: if (s_arready) state <= GET_BUSY;
      GET_BUSY: if (s_rvalid) begin
        state <= ASK_BUSY;
        if (s_rdata == 0) begin
          $display("cycles %0d", cycles - began);
          $writememh("result.hex", memory);
          $finish;
        end
      end
      default: state <= RESET;
    endcase
    if (cycles == 2_000_000) begin
      $display("not done after %0d cycles", cycles);
      $finish;
    end
  end

  initial $readmemh("memory.hex", memory);
endmodule
