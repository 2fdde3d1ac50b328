// A board without its clock and pins: the system at pin level, its line on a pseudo-terminal.
// The other end of the line, the noise on it and the terminal are in board.cpp.
module board #(parameter DIVISOR = 8);
    import "DPI-C" function bit board_open(int file, int divisor, int flip, int lose, int garbage, int seed);
    import "DPI-C" function bit board_step(bit tx, output bit rx);

    bit clk = 0, rst = 1, rx = 1, level, tx;
    int file = -1, flip = 0, lose = 0, garbage = 0, seed = 0, age = 0;

    katazome_system dut (.clk(clk), .rst(rst), .rx(rx), .tx(tx));

    initial begin
        void'($value$plusargs("file=%d", file));
        void'($value$plusargs("flip=%d", flip));
        void'($value$plusargs("lose=%d", lose));
        void'($value$plusargs("garbage=%d", garbage));
        void'($value$plusargs("seed=%d", seed));
        if (!board_open(file, DIVISOR, flip, lose, garbage, seed)) $fatal(1, "no terminal");
    end

    always #1 clk = ~clk;

    always @(posedge clk) begin
        age <= age + 1;
        if (age == 4) rst <= 0;
        if (!board_step(tx, level)) $finish;
        rx <= level;
    end
endmodule
